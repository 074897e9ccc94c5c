"""What a file costs to read grows with its size and no faster, and what is odd in it costs itself."""

import email.mime.multipart
import email.mime.text
import io
import re
import sys
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from sakuin.index.documents import Document, Skipped
from sakuin.index.readers import mail, old_office, rtf, sheet_extent, table_rows
from sakuin.index.readers.names import FreeNames, unlike
from sakuin.index.readers.plain import clean
from sakuin.index.readers.reading import read_source
from sakuin.index.readers.source import Source
from sakuin.index.readers.table_header import columns_of
from sakuin.index.readers.table_rows import Form, Rows
from sakuin.index.reasons import Reason
from tests.index.test_archives import tarred


def items(name: str, data: bytes | str) -> list[Document | Skipped]:
    raw = data.encode() if isinstance(data, str) else data
    return list(read_source(Source(uri=name, data=raw)))


def text_of(name: str, data: bytes | str) -> str:
    (item,) = items(name, data)
    assert isinstance(item, Document)
    return item.text


def growth(work: Callable[[int], object], size: int) -> float:
    """How many times as long eight times as much takes: 8 where the time is linear, 64 where it is quadratic."""
    best = []
    for number in (size, 8 * size):
        times = []
        for _ in range(3):
            started = time.process_time()
            work(number)
            times.append(time.process_time() - started)
        best.append(min(times))
    return best[1] / max(best[0], 1e-4)


@pytest.mark.parametrize(
    ("work", "size"),
    [
        pytest.param(lambda n: mail._is_from_line(b"From " + b"1" * n + b"x"), 20_000, id="mbox"),
        pytest.param(lambda n: list(sheet_extent._cells(b"<c " * n)), 4_000, id="xlsx"),
        pytest.param(lambda n: sheet_extent._repeated(b"<table:table-row>" * n), 4_000, id="ods row"),
        pytest.param(lambda n: rtf.text_of(b"{\\rtf1 " + b"{\\title " * n), 1_000, id="rtf info"),
        pytest.param(
            lambda n: rtf.text_of(
                b"{\\rtf1 {\\fonttbl" + b"{\\f0 A;}" * 100 + b"}" + b"".join(b"{\\footnote %d}" % i for i in range(n))
            ),
            200,
            id="rtf notes",
        ),
        pytest.param(lambda n: [names.take("a.txt") for names in [FreeNames()] for _ in range(n)], 2_000, id="names"),
    ],
)
def test_time_is_linear(work: Callable[[int], object], size: int) -> None:
    assert growth(work, size) < 30


@pytest.mark.parametrize("line", ["a\n", "ab\r", "ab\n\n\n\n", "ab \x0b"])
def test_cleaning_takes_a_few_times_the_memory_of_a_text(line: str) -> None:
    text = line * (8_000_000 // len(line))
    tracemalloc.start()
    clean(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Beside a block of a million characters, which may take thirty times as much.
    assert peak < 4 * len(text) + 40_000_000


def test_cleaning_in_blocks_is_cleaning_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n\n a \r\n\r\n\r\n\0b\x85\u2028c\t\n\n\n \n d\r\r\r\re  \n\n"
    whole = clean(text)
    assert whole == " a\n\nb\n\nc\n\n d\n\ne"
    for size in range(1, 12):
        monkeypatch.setattr("sakuin.index.readers.plain._BLOCK", size)
        assert clean(text) == whole, size


def test_a_row_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_rows, "MAX_CELL_CHARACTERS", 1000)
    monkeypatch.setattr(table_rows, "MAX_CELLS", 50)
    long = Reason("long_cell", {"limit": 1000})
    rows = list(Rows(io.StringIO('x","y\n' * 2000), Form(",")))
    assert rows[:3] == [['x"', '"y']] * 3
    # From then on all that a row has swallowed is left out with it.
    assert rows[3:10] == [long] * 7
    assert len(rows) < 200
    wide = list(Rows(io.StringIO('"a",' * 60 + "b\nc,d\n"), Form(",")))
    assert wide == [Reason("wide_row", {"limit": 50}), ["c", "d"]]


def test_members_of_the_same_name_are_told_apart() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, text in enumerate(("一つ目", "二つ目", "三つ目")):
            archive.writestr(f"a/{number}.txt", text)
    data = re.sub(rb"a/\d.txt", b"a/b.txt", out.getvalue())
    found = {item.id: item.text for item in items("z.zip", data) if isinstance(item, Document)}
    assert found == {"z.zip!/a/b.txt": "一つ目", "z.zip!/a/b (2).txt": "二つ目", "z.zip!/a/b (3).txt": "三つ目"}
    twice = tarred({"v1.0/x": b"one"})[:1024] + tarred({"v1.0/x": b"two"})
    assert [item.id for item in items("t.tar", twice) if isinstance(item, Document)] == [
        "t.tar!/v1.0/x",
        "t.tar!/v1.0/x (2)",
    ]


@pytest.mark.parametrize(("crc", "name"), [(zlib.crc32(b"x.txt"), "表.txt"), (1, "x.txt")])
def test_a_name_in_unicode_counts_only_if_it_is_of_this_member(crc: int, name: str) -> None:
    field = b"\1" + crc.to_bytes(4, "little") + "表.txt".encode()
    member = zipfile.ZipInfo("x.txt")
    member.extra = b"\x75\x70" + len(field).to_bytes(2, "little") + field
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(member, "本文です。")
    assert [item.id for item in items("z.zip", out.getvalue()) if isinstance(item, Document)] == [f"z.zip!/{name}"]


def test_all_pages_of_a_mail_are_read() -> None:
    message = email.mime.multipart.MIMEMultipart("alternative")
    inner = email.mime.multipart.MIMEMultipart("mixed")
    for text in ("前半です。", "後半です。"):
        inner.attach(email.mime.text.MIMEText(f"<html><body><p>{text}</body></html>", "html", "utf-8"))
    message.attach(inner)
    assert text_of("a.eml", message.as_bytes()) == "前半です。\n\n後半です。"


def test_a_mail_that_cannot_be_parsed_costs_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def parsed(data: bytes) -> object:
        if b"deep" in data:
            raise RecursionError("maximum recursion depth exceeded")
        return whole(data)

    whole = mail.email.message_from_bytes
    monkeypatch.setattr("email.message_from_bytes", parsed)
    begin = "From a@b Mon Jan  1 00:00:00 2024\nSubject: "
    found = items("b.mbox", "\n\n".join(f"{begin}{each}\n\nbody" for each in ("one", "deep", "three")))
    assert [getattr(item, "title", None) for item in found] == ["one", None, "three"]
    assert isinstance(found[1], Skipped)
    assert found[1].reason.code == "damaged_part"


def test_made_up_names_of_columns_are_nobody_elses() -> None:
    assert unlike(["a", "", "a", "a 3", "a", "a 5"]) == ["a", "", "a (2)", "a 3", "a (3)", "a 5"]
    assert unlike(["id", "id"]) == ["id", "id 2"]
    columns = columns_of([["id", "", "column 2", "text"], ["1", "x", "y", "words of a text"]])
    assert columns.names == ("id", "unnamed column 2", "column 2", "text")
    assert columns.name(4) == "unnamed column 5"


def test_what_xml_declares_stands_for_what_it_says() -> None:
    declared = '<!DOCTYPE a [<!ENTITY co "山田商店"><!ENTITY file SYSTEM "file:///etc/hostname">]>'
    assert text_of("a.xml", f"{declared}<a><b>&co;の見積</b></a>") == "b: 山田商店の見積"
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE a [<!ENTITY e0 "0123456789">{bomb}]><a>見積 &e9;</a>'
    started = time.process_time()
    assert len(text_of("a.xml", bomb)) < 10_000
    assert time.process_time() - started < 2


def test_words_of_a_drawing_stand_once() -> None:
    drawing = "<svg><g><text>見積<tspan>一覧</tspan><title>題</title></text></g><desc>説明</desc></svg>"
    assert text_of("a.svg", drawing) == "見積一覧\n題\n説明"


def test_libreoffice_is_found_where_it_is_installed_and_reads_nothing_from_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert any("LibreOffice.app" in each for each in old_office._PROGRAMS)
    if sys.platform == "win32":
        pytest.skip("a script cannot stand in for it")
    program = tmp_path / "soffice"
    program.write_text(
        f"#!/bin/sh\nread line && exit 1\npwd > {tmp_path}/where\n"
        'while [ $# -gt 2 ]; do [ "$1" = --outdir ] && out=$2; shift; done\necho made > "$out/file.docx"\n'
        f'echo "$out" > {tmp_path}/folder\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(old_office, "_PROGRAMS", ("no-such-program", str(program)))
    assert old_office._converted(b"x", "Word", ".doc", ".docx", seconds=None) == b"made\n"
    assert not Path((tmp_path / "folder").read_text().strip()).exists()
