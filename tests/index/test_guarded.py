"""Reading in a process of its own: what costs too much costs that file, and nothing beside it."""

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sakuin import Index
from sakuin.index import uploads
from sakuin.index.build import build
from sakuin.index.documents import Document, Heading, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers import guarded, read_file, wire
from sakuin.index.readers.guarded import DIED, NO_MEMORY, NO_TIME, GuardedReader, Limits, needs_guard
from sakuin.index.readers.reading import own_readers
from sakuin.index.readers.wire import document_of, plain, receive, send, skipped_of
from sakuin.index.reasons import Part, Reason
from sakuin.index.snapshot import open_index

NOTE = "{\\rtf1\\ansi A note that can be read.}"
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to its memory")

READERS = '''
"""Readers of somebody else, that do what they should not."""

import os
import tempfile
import time
from pathlib import Path

from sakuin.index.documents import Document


def first_good(source):
    for number in range(100):
        yield Document(id=f"{source.uri}#{number}", text="Short.")
    hungry(source)


def steady(source):
    for number in range(1000):
        yield Document(id=f"{source.uri}#{number}", text="One more.")
        time.sleep(0.1)


def liar(source):
    yield Document(id="good.txt", text="Of another file.")


def litters(source):
    folder = tempfile.mkdtemp()
    Path(source.path).with_suffix(".where").write_text(folder)
    time.sleep(1000)


def hungry(source):
    held = []
    while True:
        held.append(bytearray(16 * 1024 * 1024))


def native(source):
    os.abort()


def endless(source):
    yield Document(id=source.uri, text="Begun.")
    time.sleep(1000)


def noisy(source):
    print("This goes to nobody.", flush=True)
    os.write(1, b"nor this")
    yield Document(id=source.uri, text="Said.")


def parent(source):
    if os.fork() == 0:
        time.sleep(1000)
    open(source.path.with_suffix(".pids"), "w").write(str(os.getpgid(0)))
    time.sleep(1000)
'''


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for files that installed readers of somebody else's read."""
    package = tmp_path / "installed"
    info = package / "their_readers-1.dist-info"
    info.mkdir(parents=True)
    (package / "their_readers.py").write_text(READERS, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-readers\nVersion: 1\n", encoding="utf-8")
    names = ("hungry", "native", "endless", "noisy", "parent", "first_good", "steady", "liar", "litters")
    lines = [f"{name} = their_readers:{name}" for name in names]
    (info / "entry_points.txt").write_text("\n".join(["[sakuin.readers]", *lines]), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")])))
    monkeypatch.syspath_prepend(str(package))
    own_readers.cache_clear()
    folder = tmp_path / "corpus"
    folder.mkdir()
    yield folder
    own_readers.cache_clear()


def put(folder: Path, name: str, text: str = NOTE) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def reason_of(reader: GuardedReader, path: Path) -> Reason:
    with pytest.raises(ReadError) as told:
        list(reader.read(path, path.name))
    return told.value.reason


@linux
def test_a_reader_that_takes_too_much_costs_its_file(corpus: Path) -> None:
    good = put(corpus, "good.rtf")
    with GuardedReader(Limits(megabytes=300, seconds=20)) as reader:
        for name, expected in (("a.hungry", NO_MEMORY), ("a.native", DIED)):
            reason = reason_of(reader, put(corpus, name))
            assert (reason.code, reason.data["megabytes"]) == (expected, 300)
            assert [item.text for item in reader.read(good, "good.rtf")] == ["A note that can be read."]
        assert "SIGABRT" in str(reason)


def test_a_reader_that_takes_too_long_is_ended_with_what_it_started(corpus: Path) -> None:
    with GuardedReader(Limits(seconds=3)) as reader:
        started = time.monotonic()
        assert reason_of(reader, put(corpus, "a.litters")) == Reason(NO_TIME, {"seconds": 3, "limit": 3})
        assert not Path((corpus / "a.where").read_text()).exists()
        assert reason_of(reader, put(corpus, "a.parent")).code == NO_TIME
        assert time.monotonic() - started < 60
    if sys.platform == "linux":
        group = int((corpus / "a.pids").read_text())
        deadline = time.monotonic() + 10
        while _alive(group) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _alive(group)


def _alive(group: int) -> bool:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            return True
    return False


def test_what_a_library_prints_is_no_answer(corpus: Path) -> None:
    with GuardedReader(Limits()) as reader:
        assert [item.text for item in reader.read(put(corpus, "a.noisy"), "a.noisy")] == ["Said."]  # type: ignore[union-attr]


def test_a_file_left_half_read_does_not_answer_for_the_next(corpus: Path) -> None:
    long, short = put(corpus, "long.rtf", "{\\rtf1 " + "a long text. " * 50_000 + "}"), put(corpus, "short.rtf")
    with GuardedReader(Limits()) as reader:
        next(reader.read(long, "long.rtf"))
        assert [item.uri for item in reader.read(short, "short.rtf")] == ["short.rtf"]


def test_a_worker_gives_what_the_reader_gives(tmp_path: Path) -> None:
    page = "<title>T</title><h1>A</h1><p>" + "long enough. " * 10_000 + "<h2>B</h2><p>more"
    path = put(tmp_path, "page.html", page)
    with GuardedReader(Limits()) as reader:
        assert list(reader.read(path, "page.html")) == list(read_file(path, "page.html"))
        assert reader._process is not None
        path.write_text("", encoding="utf-8")
        assert reason_of(reader, path).code == "empty"


def test_text_needs_no_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", None)
    with GuardedReader(Limits()) as reader:
        for name in ("a.txt", "a.csv", "a.jsonl", "a.md", "a.html", "a.py"):
            text = {"a.csv": "id,text\n1,words", "a.jsonl": '{"text": "words"}'}.get(name, "words")
            assert list(reader.read(put(tmp_path, name, text), name))


def test_everything_a_document_holds_goes_through_a_pipe(tmp_path: Path) -> None:
    odd = Document(id="a", text="half \ud83d", title="t", uri="u", headings=(Heading(0, 4, 1),), metadata={"n": 2**70})
    usual = Document(id="b", text="有給", metadata={"tags": ["x", 1], "none": None, "yes": True, "f": 1.5})
    path = tmp_path / "pipe"
    with path.open("wb") as stream:
        send(stream, plain(odd), 1000)
        send(stream, [plain(usual), plain(Skipped("c", Reason("no_rows", {}, ())))], 1000)
        with pytest.raises(MemoryError):
            send(stream, plain(odd), 100)
    with path.open("rb") as stream:
        assert document_of(receive(stream, 1000)) == odd
        first, second = receive(stream, 1000)
        assert (document_of(first), skipped_of(second)) == (usual, Skipped("c", Reason("no_rows", {}, ())))
        with pytest.raises(EOFError):
            receive(stream, 1000)


@pytest.mark.parametrize("head", [b"o", b"j"])
def test_a_message_is_bounded_in_bytes_and_depth(head: bytes) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(ValueError, match=r"."):
        receive(io.BytesIO(head + len(deep).to_bytes(8) + deep), len(deep))
    with pytest.raises(ValueError, match="no message"):
        receive(io.BytesIO(head + (2**62).to_bytes(8)), 2**30)


@pytest.mark.parametrize(
    "reason",
    [5, {}, {"code": "too_large", "data": {}}, {"code": "binary", "data": {"a": []}}, {"code": "parts", "data": 1}],
)
def test_a_reason_that_could_not_be_told_is_none(reason: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        wire.reason_of(reason)


def test_what_was_read_until_time_or_memory_ends_is_kept(corpus: Path, tmp_path: Path) -> None:
    limits = Limits(megabytes=300, seconds=4)
    put(corpus, "a.endless")
    put(corpus, "b.steady")
    if sys.platform == "linux":
        put(corpus, "c.first_good")
    report = build(corpus, tmp_path / "index", limits=limits)
    told = {item.uri: item.reason for item in report.skipped}
    assert told["a.endless"] == Reason("parts", {"number": 1}, (Part({}, Reason(NO_TIME, {"seconds": 4, "limit": 4})),))
    (stopped,) = told["b.steady"].parts
    assert stopped.reason == Reason("stopped", {"seconds": 4, "limit": 4})
    files = [document.id.partition("#")[0] for document in Index.open(tmp_path / "index").documents()]
    assert (files.count("a.endless"), files.count("b.steady") > 10) == (1, True)
    if sys.platform == "linux":
        assert [part.reason.code for part in told["c.first_good"].parts] == [NO_MEMORY]
        assert files.count("c.first_good") == 100
    assert report.in_part == set(told)


def test_a_reader_speaks_of_its_own_file_only(corpus: Path, tmp_path: Path) -> None:
    put(corpus, "a.liar")
    put(corpus, "good.txt", "そのままの文書")
    report = build(corpus, tmp_path / "index")
    ((skipped),) = report.skipped
    assert (skipped.uri, skipped.reason.code) == ("a.liar", "reader_failed")
    assert "good.txt is no name within a.liar" in str(skipped.reason)
    assert [document.text for document in Index.open(tmp_path / "index").documents()] == ["そのままの文書"]


def test_a_worker_whose_parent_is_gone_takes_its_folder_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    command = [sys.executable, "-m", "sakuin.index.readers.worker", "1024", str(folder)]
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True, timeout=60)
    assert not folder.exists()


def test_files_are_read_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    monkeypatch.chdir(tmp_path)
    with GuardedReader(Limits()) as reader:
        path = put(tmp_path, "a.rtf")
        assert [item.uri for item in reader.read(path, "a.rtf")] == ["a.rtf"]
        assert [each.name for each in tmp_path.iterdir()] == ["a.rtf"]


def test_more_is_allowed_to_files_of_which_parts_took_too_much() -> None:
    limits = Limits(megabytes=500, seconds=10)
    for reason, raised in (
        (Reason("stopped", {"seconds": 20, "limit": 9}), True),
        (Reason("stopped_at", {"percent": 1, "seconds": 20, "limit": 10}), False),
        (Reason(NO_MEMORY, {"megabytes": 400}), True),
        (Reason("binary"), False),
    ):
        assert limits.are_raised(reason) is raised
        inside = Reason("parts", {"number": 2}, (Part({"name": "a.png"}, Reason("binary")), Part({}, reason)))
        assert limits.are_raised(inside) is raised


@pytest.mark.parametrize(
    ("encoding", "end", "guarded"), [("utf-8", "😀", True), ("utf-8", "猫", False), ("utf-16", "猫", True)]
)
def test_large_texts_that_grow_in_memory_are_read_where_that_is_limited(
    tmp_path: Path, encoding: str, end: str, guarded: bool
) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"x{end}", encoding=encoding)
    assert not needs_guard(path, "text")
    path.write_text("x" * 17 * 1024 * 1024 + end, encoding=encoding)
    assert needs_guard(path, "text") is guarded


@linux
def test_a_build_goes_on_and_tries_again_only_when_something_changed(corpus: Path, tmp_path: Path) -> None:
    folder, limits = tmp_path / "index", Limits(megabytes=300, seconds=3)
    for number in range(20):
        put(corpus, f"{number}.txt", f"文書 {number}")
    for name in ("a.hungry", "b.native", "c.litters"):
        put(corpus, name)
    time.sleep(0.05)
    report = build(corpus, folder, exclude=["*.where"], limits=limits)
    codes = {item.uri: item.reason.code for item in report.skipped}
    assert codes == {"a.hungry": NO_MEMORY, "b.native": DIED, "c.litters": NO_TIME}
    assert (report.added, open_index(folder).counts()["documents"]) == (20, 20)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(guarded.GuardedReader, "read", None)
        report = build(corpus, folder, exclude=["*.where"], limits=limits)
    assert {item.uri: item.reason.code for item in report.skipped} == codes
    put(corpus, "c.litters", "changed")
    started = time.monotonic()
    assert len(build(corpus, folder, exclude=["*.where"], limits=limits).skipped) == 3
    assert time.monotonic() - started > 3
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(guarded.GuardedReader, "read", _all_well)
        report = build(corpus, folder, exclude=["*.where"], limits=Limits(megabytes=400, seconds=4))
    assert (report.added, report.skipped) == (3, [])


def _all_well(reader: GuardedReader, path: Path, uri: str) -> Iterator[Document | Skipped]:
    yield Document(id=uri, text="Now it can be read.")


@linux
def test_an_upload_that_breaks_its_reader_is_told(corpus: Path, tmp_path: Path) -> None:
    outcome = uploads.add_uploads([("a.native", b"x"), ("b.txt", "文書".encode())], tmp_path / "index")
    assert [(item.uri, item.reason.code) for item in outcome.skipped] == [("a.native", DIED)]
    assert [name for name, _ in outcome.kept] == ["b.txt"]


def test_a_large_file_has_more_time() -> None:
    assert Limits().seconds_for(100) < 61 < 500 < Limits().seconds_for(500_000_000)


def looping_pdf(pages: int, looping: set[int]) -> bytes:
    """A PDF with a line of text on each page, and on some a form that draws itself many times, and so on."""
    objects: list[bytes] = []

    def add(dictionary: str, stream: bytes | None = None) -> int:
        body = f"<<{dictionary}" + (f" /Length {len(stream)}>>" if stream is not None else ">>")
        objects.append(body.encode() + (b"\nstream\n" + stream + b"\nendstream" if stream is not None else b""))
        return len(objects)

    font = add("/Type /Font /Subtype /Type1 /BaseFont /Helvetica")
    inner = add("/Type /XObject /Subtype /Form /BBox [0 0 9 9]", b"0 0 1 1 re f")
    for _ in range(9):
        form = f"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources <</XObject <</F {inner} 0 R>>>>"
        inner = add(form, b"/F Do " * 30)
    kids = []
    tree = len(objects) + 2 * pages + 1
    for number in range(1, pages + 1):
        text = f"BT /T 12 Tf 50 700 Td (Page number {number} of these) Tj ET".encode()
        content = add("", text + (b" /F Do" if number in looping else b""))
        resources = f"/Font <</T {font} 0 R>> /XObject <</F {inner} 0 R>>"
        page = (
            f"/Type /Page /Parent {tree} 0 R /MediaBox [0 0 595 842] /Contents {content} 0 R /Resources <<{resources}>>"
        )
        kids.append(add(page))
    add(f"/Type /Pages /Count {pages} /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}]")
    root = add(f"/Type /Catalog /Pages {tree} 0 R")
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, each in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start, size = len(out), len(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n%b" % (size, table)
    return bytes(out) + b"trailer <</Size %d /Root %d 0 R>>\nstartxref\n%d\n%%%%EOF" % (size, root, start)


def test_a_page_that_ends_its_worker_costs_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(looping_pdf(4, {2}))
    with GuardedReader(Limits(megabytes=300, seconds=3)) as reader:
        document, skipped = reader.read(path, "a.pdf")
        assert isinstance(document, Document)
        assert [each.values["page"] for each in document.positions] == [1, 3, 4]
        assert isinstance(skipped, Skipped)
        assert (skipped.uri, skipped.reason.code in (NO_TIME, NO_MEMORY, DIED)) == ("a.pdf#page=2", True)
