"""How long files take to be read, and how much memory: `python -m benchmarks.reading`.

Ten thousand small files, a JSON Lines file of a gigabyte, a PDF of five hundred pages; all are made up, the same ones
each time. Only reading is measured, in the processes and within the limits of a build, not indexing.
"""

import ctypes
import json
import random
import resource
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import click

from benchmarks.processes import in_a_process
from benchmarks.results import Figure, json_option, write
from sakuin.index.documents import Document
from sakuin.index.readers.guarded import GuardedReader, Limits

_WORDS = [
    "meeting", "room", "booking", "report", "quarter", "customer", "invoice", "payment", "travel", "holiday",
    "会議室", "予約", "報告", "四半期", "顧客", "請求", "支払", "出張", "休暇", "申請", "契約", "見積", "納期", "在庫",
]  # fmt: skip
_LINES_OF_A_PAGE = 40
_WORDS_OF_A_FILE = 120
_OFFICE = "http://schemas.openxmlformats.org"
_PACKAGE = f"{_OFFICE}/package/2006"


def _text(chance: random.Random, words: int = _WORDS_OF_A_FILE) -> str:
    return " ".join(chance.choices(_WORDS, k=words))


def make_small(folder: Path, number: int) -> None:
    """Write small files: of twenty eight texts, four each of Markdown and pages, two tables, a Word file, a PDF."""
    chance = random.Random(0)
    folder.mkdir()
    page = _pdf(1)
    for each in range(number):
        path, text = folder / f"{each:06}", _text(chance)
        match each % 20:
            case 0:
                path.with_suffix(".pdf").write_bytes(page)
            case 1:
                _write_word(path.with_suffix(".docx"), text)
            case 2 | 3:
                path.with_suffix(".csv").write_text(f"id,text\n1,{text}\n2,{text[:200]}\n", encoding="utf-8")
            case 4 | 5 | 6 | 7:
                path.with_suffix(".md").write_text(f"# {text[:20]}\n\n{text}\n\n- {text[:50]}\n", encoding="utf-8")
            case 8 | 9 | 10 | 11:
                path.with_suffix(".html").write_text(f"<h1>{text[:20]}</h1><p>{text}</p>", encoding="utf-8")
            case _:
                path.with_suffix(".txt").write_text(f"{text[:20]}\n\n{text}\n", encoding="utf-8")


def _write_word(path: Path, text: str) -> None:
    types, relations = f"{_PACKAGE}/content-types", f"{_PACKAGE}/relationships"
    kinds = "application/vnd.openxmlformats-"
    kind = f"{kinds}officedocument.wordprocessingml.document.main+xml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{types}"><Default Extension="rels" ContentType="'
        f'{kinds}package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="{kind}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{relations}"><Relationship Id="a" Target="word/document.xml" Type="'
        f'{_OFFICE}/officeDocument/2006/relationships/officeDocument"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{_OFFICE}/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>'
        f"{text}</w:t></w:r></w:p></w:body></w:document>",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def make_lines(path: Path, megabytes: int) -> None:
    """Write JSON Lines of about a kilobyte each."""
    chance = random.Random(1)
    texts = [_text(chance, _WORDS_OF_A_FILE) for _ in range(1000)]
    left, number = megabytes * 1024 * 1024, 0
    with path.open("wb") as file:
        while left > 0:
            line = json.dumps({"id": number, "text": texts[number % 1000]}, ensure_ascii=False).encode()
            left -= file.write(line + b"\n")
            number += 1


def _pdf(pages: int) -> bytes:
    """A PDF of English lines, for which readers bring the font."""
    import io

    import pypdfium2
    from pypdfium2 import raw

    chance = random.Random(2)
    words = [word for word in _WORDS if word.isascii()]
    made = pypdfium2.PdfDocument.new()
    for number in range(pages):
        page = made.new_page(595, 842)
        for line in range(_LINES_OF_A_PAGE):
            text = f"{number} {line} {' '.join(chance.choices(words, k=9))}"
            drawn = raw.FPDFPageObj_NewTextObj(made, b"Helvetica", 11.0)
            written = ctypes.create_string_buffer(f"{text}\0".encode("utf-16-le"))
            raw.FPDFText_SetText(drawn, ctypes.cast(written, ctypes.POINTER(ctypes.c_ushort)))
            raw.FPDFPageObj_Transform(drawn, 1, 0, 0, 1, 60, 780 - line * 18)
            raw.FPDFPage_InsertObject(page, drawn)
        page.gen_content()
        page.close()
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def read(path: Path) -> Figure:
    """Read a file, or all files of a folder; to be called in a process of its own."""
    started = time.perf_counter()
    with GuardedReader(Limits()) as reader:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        documents = characters = 0
        for document in _documents(reader, files):
            documents += 1
            characters += len(document.text)
    own, workers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "cpu_seconds": round(own.ru_utime + own.ru_stime + workers.ru_utime + workers.ru_stime, 2),
        "megabytes": own.ru_maxrss // 1024,
        "worker_megabytes": workers.ru_maxrss // 1024,
        "documents": documents,
        "characters": characters,
    }


def _documents(reader: GuardedReader, files: list[Path]) -> Iterator[Document]:
    for path in files:
        yield from (item for item in reader.read(path, path.name) if isinstance(item, Document))


@click.command()
@click.option("--files", default=10_000, show_default=True, help="Small files.")
@click.option("--megabytes", default=1024, show_default=True, help="Of the JSON Lines file.")
@click.option("--pages", default=500, show_default=True, help="Of the PDF.")
@json_option
def main(files: int, megabytes: int, pages: int, as_json: Path | None) -> None:
    """Measure how long files take to be read."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_small(folder / "small", files)
        make_lines(folder / "lines.jsonl", megabytes)
        (folder / "pages.pdf").write_bytes(_pdf(pages))
        for title, path in (
            (f"{files:,} small files", folder / "small"),
            (f"JSON Lines of {megabytes:,} MB", folder / "lines.jsonl"),
            (f"a PDF of {pages:,} pages", folder / "pages.pdf"),
        ):
            figure = {"name": title, **in_a_process(read, path)}
            figures.append(figure)
            click.echo("  ".join(f"{key} {value}" for key, value in figure.items()))
    write(as_json, "benchmarks.reading", figures)


if __name__ == "__main__":
    main()
