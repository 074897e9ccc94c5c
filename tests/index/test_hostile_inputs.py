"""Small inputs that took a reader endless time, or ended a whole build."""

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from sakuin.index.build import build
from sakuin.index.errors import ReadError
from sakuin.index.readers import guarded
from sakuin.index.readers.guarded import GuardedReader, Limits
from sakuin.index.readers.reading import read_file

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)
PEOPLE = "".join(f"    - name: person {n}\n" for n in range(40))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", f"---\ntitle: FAQ: part two\nauthors:\n{PEOPLE}see also: nothing\n---\n\nHello\n"),
        ("a.md", f"---\ntitle: x\n{LAUGHS}---\n\nHello\n"),
        ("a.md", "[x]: " + "a/" * 30_000 + "あ\n\nHello"),
        ("a.md", "[" * 20_000 + "\n\nHello"),
        (
            "a.srt",
            "1\n00:00:01,000 --> 00:00:02,000\n" + "<v." * 20_000 + "\n\n2\n00:00:03,000 --> 00:00:04,000\nHello\n",
        ),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\n<v" + " " * 60_000 + "x\nHello\n"),
    ],
)
def test_time_does_not_grow_with_the_square_or_worse(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert any("Hello" in getattr(item, "text", "") for item in read_file(tmp_path / name, name))


def test_lone_surrogates_in_names_of_values_cost_nothing(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.jsonl").write_text(json.dumps({"text": "猫", "metadata": {"\ud800k": "v"}}), encoding="utf-8")
    (corpus / "b.json").write_text(json.dumps([{"text": "犬", "meta": {"\ud800": "v"}}]), encoding="utf-8")
    (corpus / "c.md").write_text('---\ntitle: x\nauthor: {"\\uD800": v}\n---\n\n鳥', encoding="utf-8")
    report = build(corpus, tmp_path / "index")
    assert (report.added, report.documents) == (3, 3)


def test_a_mail_with_a_damaged_subject_is_read_with_all_others(tmp_path: Path) -> None:
    mails = "".join(
        f"From a@example.com Mon Jan  1 00:00:00 2024\nSubject: {subject}\n\nbody {n}\n\n"
        for n, subject in enumerate(["one", "=?utf-8?B?A?=", "three"])
    )
    (tmp_path / "a.mbox").write_text(mails, encoding="utf-8")
    found = [item.text for item in read_file(tmp_path / "a.mbox", "a.mbox") if hasattr(item, "text")]
    assert [any(f"body {n}" in text for text in found) for n in range(3)] == [True, True, True]


@pytest.mark.parametrize("message", [5, ["items", 5, None], ["items", [{"id": 1}], None]])
def test_a_worker_that_says_something_else_costs_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, message: object
) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4")
    monkeypatch.setattr(guarded, "receive", lambda stream, at_most: message)
    with GuardedReader(Limits()) as reader, pytest.raises(ReadError) as caught:
        list(reader.read(tmp_path / "a.pdf", "a.pdf"))
    assert caught.value.reason.code == "reader_died"


def test_a_text_that_memory_has_no_room_for_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> object:
        raise MemoryError

    (tmp_path / "a.txt").write_text("猫", encoding="utf-8")
    monkeypatch.setattr(guarded, "read_source", full)
    with GuardedReader(Limits()) as reader, pytest.raises(ReadError) as caught:
        list(reader.read(tmp_path / "a.txt", "a.txt"))
    assert caught.value.reason.code == "needs_too_much_memory"


def test_names_without_end_in_a_mail_are_one(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_text(f"From: {'From: ' * 3000}\nSubject: x\n\nHello\n", encoding="utf-8")
    (found,) = read_file(tmp_path / "a.eml", "a.eml")
    assert "Hello" in getattr(found, "text", "")


def write_sheet(path: Path, tables: str) -> Path:
    """Write an OpenDocument spreadsheet of tables as they stand."""
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = f"<office:document-content {names}><office:body><office:spreadsheet>{tables}</office:spreadsheet>"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr("content.xml", f"{content}</office:body></office:document-content>")
    return path


@pytest.mark.timeout(60)
def test_a_table_that_is_never_closed_is_refused(tmp_path: Path) -> None:
    cell = '<table:table-row><table:table-cell office:value-type="string"><text:p>Hello</text:p></table:table-cell>'
    good = write_sheet(tmp_path / "a.ods", f'<table:table table:name="a">{cell}</table:table-row></table:table>')
    assert ["Hello" in getattr(item, "text", "") for item in read_file(good, "a.ods")] == [True]
    broken = write_sheet(tmp_path / "b.ods", f'<table:table table:name="a">{cell}</table:table-row></ta ble:table>')
    with pytest.raises(ReadError, match="damaged Excel file"):
        list(read_file(broken, "b.ods"))


def test_a_damaged_stream_is_a_damaged_archive(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"Hello " * 100))
    packed[10:14] = b"\xff\xff\xff\xff"
    (tmp_path / "a.txt.gz").write_bytes(bytes(packed))
    with pytest.raises(ReadError) as caught:
        list(read_file(tmp_path / "a.txt.gz", "a.txt.gz"))
    assert caught.value.reason.code == "damaged_archive"
