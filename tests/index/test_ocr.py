"""Pictures of text, by an installed tesseract: read where that is asked for, else told with what to do."""

import io
import os
import sys
import time
from pathlib import Path

import pypdfium2
import pytest
from click.testing import CliRunner

from sakuin import Index
from sakuin.cli.main import cli
from sakuin.index.build import build
from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers import ocr, read_source
from sakuin.index.readers.guarded import GuardedReader, Limits
from sakuin.index.readers.source import Allowance, Deadline, Source
from sakuin.index.reasons import Reason
from tests.index.test_readers import make_pdf

WORDS = "The meeting room is free on Tuesday"
FONTS = ("/usr/share/fonts/opentype/ipafont-gothic/ipag.ttf", "/usr/share/fonts/opentype/ipafont-mincho/ipam.ttf")
COLUMNS = ("会議室の利用について", "会議室は予約システムで申し込んでくだ", "さい。利用は三日前までです。")

installed = ocr.program()
languages = ocr._languages(installed) if installed else frozenset()
needs_tesseract = pytest.mark.skipif(not languages, reason="tesseract is not installed")
needs_japanese = pytest.mark.skipif(
    not {"jpn", "jpn_vert"} <= languages or not any(map(os.path.exists, FONTS)),
    reason="tesseract's Japanese (tesseract-ocr-jpn, -jpn-vert) or IPA fonts are not installed",
)
posix = pytest.mark.skipif(os.name == "nt", reason="a program here is a script of a shell")


def picture(words: str, kind: str = "PNG", pages: int = 1) -> bytes:
    """A picture of a line of words, each page with its number."""
    image = pytest.importorskip("PIL.Image")
    drawing, fonts = pytest.importorskip("PIL.ImageDraw"), pytest.importorskip("PIL.ImageFont")
    made = []
    for number in range(1, pages + 1):
        made.append(image.new("L", (1400, 300), 255))
        text = f"{words} {number}" if pages > 1 else words
        drawing.Draw(made[-1]).text((60, 100), text, font=fonts.load_default(size=60), fill=0)
    out = io.BytesIO()
    more = {"save_all": True, "append_images": made[1:]} if pages > 1 else {}
    made[0].save(out, kind, resolution=150, **more)
    return out.getvalue()


def items(name: str, data: bytes, allowance: Allowance) -> list[Document | Skipped]:
    return list(read_source(Source(uri=name, data=data, allowance=allowance)))


def mixed_pdf(pages: int) -> bytes:
    """A PDF of one page with text and others that are pictures."""
    whole = pypdfium2.PdfDocument(make_pdf([["Agenda", "The first page has text of its own, as programs write it."]]))
    whole.import_pages(pypdfium2.PdfDocument(picture(WORDS, "PDF", pages)))
    out = io.BytesIO()
    whole.save(out)
    return out.getvalue()


@needs_tesseract
@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("b.jpg", "JPEG"), ("c.webp", "WEBP"), ("d", "TIFF")])
def test_text_in_a_picture_is_read(name: str, kind: str) -> None:
    (document,) = items(name, picture(WORDS, kind), Allowance(ocr=True))
    assert isinstance(document, Document)
    assert (document.text, document.title, document.metadata["ocr"]) == (WORDS, name.partition(".")[0], True)


@needs_tesseract
def test_the_pages_of_a_tiff_are_told() -> None:
    (document,) = items("a.tiff", picture(WORDS, "TIFF", 2), Allowance(ocr=True))
    assert isinstance(document, Document)
    assert [each.values for each in document.positions] == [{"page": 1}, {"page": 2}]
    assert document.text[document.positions[1].start :] == f"{WORDS} 2"


@needs_japanese
def test_lines_and_columns_of_japanese() -> None:
    image, drawing = pytest.importorskip("PIL.Image"), pytest.importorskip("PIL.ImageDraw")
    font = pytest.importorskip("PIL.ImageFont").truetype(next(filter(os.path.exists, FONTS)), 44)
    for is_vertical in (False, True):
        made = image.new("L", (1000, 1100), 255)
        for number, words in enumerate(COLUMNS):
            for at, character in enumerate(words):
                place = (780 - number * 90, 40 + at * 54) if is_vertical else (40 + at * 46, 40 + number * 90)
                drawing.Draw(made).text(place, character, font=font, fill=0)
        out = io.BytesIO()
        made.save(out, "PNG")
        (document,) = items("a.png", out.getvalue(), Allowance(ocr=True))
        assert isinstance(document, Document)
        assert "予約システムで申し込んでください" in document.text.replace("\n", ""), is_vertical


@needs_tesseract
def test_pages_that_are_pictures_are_read_in_their_place() -> None:
    (document,) = items("a.pdf", mixed_pdf(2), Allowance(ocr=True))
    assert isinstance(document, Document)
    assert [each.values["page"] for each in document.positions] == [1, 2, 3]
    assert document.text[document.positions[2].start :] == f"{WORDS} 2"
    assert document.text.startswith("Agenda")


def test_without_it_pages_without_text_are_told() -> None:
    document, *few = items("a.pdf", mixed_pdf(2), Allowance())
    assert isinstance(document, Document)
    assert few == [Skipped(f"a.pdf#page={number}", Reason("scanned_page")) for number in (2, 3)]
    _, many = items("a.pdf", mixed_pdf(6), Allowance())
    assert many == Skipped("a.pdf", Reason("scanned_pages", {"pages": "2-7", "number": 6}))
    assert "2-7" in str(many.reason)
    assert "--ocr" in str(many.reason)


@needs_tesseract
def test_a_build_reads_pictures_once_it_is_asked_to(tmp_path: Path) -> None:
    corpus, folder = tmp_path / "corpus", tmp_path / "index"
    corpus.mkdir()
    (corpus / "a.png").write_bytes(picture(WORDS))
    (corpus / "b.pdf").write_bytes(mixed_pdf(1))
    report = build(corpus, folder)
    assert {item.uri: item.reason.code for item in report.skipped} == {"a.png": "picture", "b.pdf": "parts"}
    assert build(corpus, folder).added == 0
    run = CliRunner().invoke(cli, ["build", str(corpus), "--index", str(folder), "--ocr"], catch_exceptions=False)
    assert "1 added, 1 updated" in run.output
    with Index.open(folder) as index:
        assert all(WORDS in document.text for document in index.documents())
        assert index.sync(corpus, ocr=True).unchanged == 2


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    if ocr.program():
        pytest.skip("tesseract is where no PATH leads")
    for name, data in (("a.png", picture(WORDS)), ("a.pdf", picture(WORDS, "PDF"))):
        with pytest.raises(ReadError) as told:
            items(name, data, Allowance(ocr=True))
        assert told.value.reason == Reason("needs_tesseract")
    assert not Limits(ocr=True).are_raised(Reason("picture"))
    document, skipped = items("a.pdf", mixed_pdf(1), Allowance(ocr=True))
    assert isinstance(document, Document)
    assert skipped == Skipped("a.pdf#page=2", Reason("needs_tesseract"))


def program_of(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program in the place of tesseract."""
    path = folder / "tesseract"
    path.write_text(f"#!{sys.executable}\nimport sys, time\n{script}")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


TABLE = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n"


@posix
def test_it_stops_in_time_and_what_it_is_not_sure_of_is_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [("1", "1", "96", "Seen"), ("1", "2", "12", "xx"), ("2", "1", "3", "yy")]
    table = TABLE + "".join(
        f"5\t{page}\t1\t1\t{line}\t1\t0\t0\t1\t1\t{sure}\t{word}\n" for page, line, sure, word in rows
    )
    script = f"if sys.argv[1] == '--list-langs':\n    print('eng')\nelse:\n    sys.stdout.write({table!r})\n"
    program_of(tmp_path, script, monkeypatch)
    ocr._languages.cache_clear()
    assert ocr.pages_of(b"P5 1 1 255\nx") == [[["Seen"]], []]
    program_of(tmp_path, "time.sleep(0 if sys.argv[1] == '--list-langs' else 1000)\nprint('eng')", monkeypatch)
    deadline = Deadline(60, 60, time.monotonic() + 0.5)
    with pytest.raises(ReadError) as told:
        ocr.pages_of(b"P5 1 1 255\nx", deadline)
    assert told.value.reason == deadline.reason()
    program_of(tmp_path, "print('eng')\nsys.exit(sys.argv[1] != '--list-langs')", monkeypatch)
    with pytest.raises(ReadError) as told:
        ocr.pages_of(b"P5 1 1 255\nx")
    assert told.value.reason == Reason("ocr_failed")
    ocr._languages.cache_clear()


@needs_tesseract
@pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.jpg"])
def test_names_of_other_files_are_no_picture(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.png").write_bytes(picture(WORDS))
    with pytest.raises(ReadError) as told:
        items(name, f"{tmp_path / 'secret.png'}\n".encode(), Allowance(ocr=True))
    assert told.value.reason == Reason("ocr_failed")


@needs_tesseract
def test_a_damaged_picture_and_one_without_text_are_told() -> None:
    blank = pytest.importorskip("PIL.Image").new("L", (400, 300), 255)
    out = io.BytesIO()
    blank.save(out, "PNG")
    for data, code in ((out.getvalue(), "no_text"), (out.getvalue()[:60], "ocr_failed")):
        with pytest.raises(ReadError) as told:
            items("a.png", data, Allowance(ocr=True))
        assert told.value.reason.code == code


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to its memory")
def test_tesseract_takes_no_more_memory_than_its_worker_leaves(tmp_path: Path) -> None:
    """A program that takes 300 MB gets them of a gigabyte, but not of 256 MB, of which the worker has some itself."""
    program = tmp_path / "tesseract"
    program.write_text(
        f'#!{sys.executable}\nimport sys\nif "--list-langs" in sys.argv:\n    print("eng")\nelse:\n'
        "    sys.stdin.buffer.read()\n    try:\n        taken = bytearray(300 << 20)\n"
        "    except MemoryError:\n        import os\n        os.abort()\n"
        f'    print("head\\n5\\t" + "\\t".join("1" for _ in range(9)) + "\\t96\\t{WORDS}")\n'
    )
    program.chmod(0o755)
    (tmp_path / "a.png").write_bytes(picture(WORDS))
    found: dict[int, list[str] | Reason] = {}
    for megabytes in (1024, 256):
        path = os.environ["PATH"]
        os.environ["PATH"] = f"{tmp_path}{os.pathsep}{path}"
        try:
            with GuardedReader(Limits(megabytes=megabytes, ocr=True)) as reader:
                found[megabytes] = [getattr(item, "text", "") for item in reader.read(tmp_path / "a.png", "a.png")]
        except ReadError as error:
            found[megabytes] = error.reason
        finally:
            os.environ["PATH"] = path
    assert found == {1024: [WORDS], 256: Reason("ocr_lacks_memory", {"megabytes": 256})}
    reason = found[256]
    assert isinstance(reason, Reason)
    assert Limits(megabytes=512, ocr=True).are_raised(reason)
    assert not Limits(megabytes=256, ocr=True).are_raised(reason)
