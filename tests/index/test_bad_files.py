"""The bad days of real files: what an index makes of them, and what it says of those it cannot read."""

import json
import os
import tracemalloc
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import docx
import pytest

from sakuin.index.build import add, build
from sakuin.index.documents import Document, Passage, Skipped
from sakuin.index.errors import IndexFolderError, ReadError
from sakuin.index.integrity import verify
from sakuin.index.passages import split
from sakuin.index.readers import markdown, pdf, read_file
from sakuin.index.readers.files import MAX_SECONDS, seconds_allowed
from sakuin.index.readers.reading import read_source
from sakuin.index.readers.source import Allowance, Deadline, Source
from sakuin.index.reasons import Part, Reason
from sakuin.index.report import Report
from sakuin.index.snapshot import open_index
from sakuin.search import Searcher
from tests.index.test_readers import make_pdf


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "corpus"
    made.mkdir()
    return made


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def documents(index_folder: Path) -> set[str]:
    with closing(open_index(index_folder)) as snapshot:
        return {row.places[0].uri for row in snapshot.passages(snapshot.vectors.ids.tolist()).values()}


def reasons(report: Report) -> dict[str, Reason]:
    return {item.uri: item.reason for item in report.skipped}


def codes(report: Report) -> dict[str, str]:
    return {item.uri: item.reason.code for item in report.skipped}


def remembered(index_folder: Path) -> dict[str, Reason]:
    with closing(open_index(index_folder)) as snapshot:
        return {item.uri: item.reason for item in snapshot.skipped()}


class TestFolders:
    def test_hundreds_of_small_files_in_nested_folders(self, folder: Path, tmp_path: Path) -> None:
        for number in range(600):
            write(folder / f"部{number % 7}" / f"課{number % 31}" / f"文書{number}.txt", f"{number}番の文書です。")
        report = build(folder, tmp_path / "index")
        assert (report.added, report.documents, report.passages, report.skipped) == (600, 600, 600, [])
        again = build(folder, tmp_path / "index")
        assert (again.unchanged, again.new_passages) == (600, 0)

    def test_a_thousand_levels(self, folder: Path, tmp_path: Path) -> None:
        opened = [os.open(folder, os.O_RDONLY)]
        try:
            for _ in range(1100):
                os.mkdir("d", dir_fd=opened[-1])
                opened.append(os.open("d", os.O_RDONLY, dir_fd=opened[-1]))
            with open(os.open("a.txt", os.O_CREAT | os.O_WRONLY, dir_fd=opened[-1]), "w") as file:
                file.write("とても深い所の文書です。")
            report = build(folder, tmp_path / "index")
            assert (report.added, report.skipped) == (1, [])
            assert documents(tmp_path / "index") == {"d/" * 1100 + "a.txt"}
        finally:
            # Not left to pytest, whose own tidying up goes one call deeper with each folder.
            os.unlink("a.txt", dir_fd=opened[-1])
            os.close(opened.pop())
            while opened:
                os.rmdir("d", dir_fd=opened[-1])
                os.close(opened.pop())

    def test_a_path_too_long_for_the_system_stops_nothing(self, folder: Path, tmp_path: Path) -> None:
        name = "長" * 80
        write(folder / "a.txt", "浅い所の文書です。")
        here = os.open(folder, os.O_RDONLY)
        opened = [here]
        for _ in range(20):
            os.mkdir(name, dir_fd=opened[-1])
            opened.append(os.open(name, os.O_RDONLY, dir_fd=opened[-1]))
        try:
            report = build(folder, tmp_path / "index")
            assert report.documents == 1
            (skipped,) = report.skipped
            assert skipped.uri.startswith(name)
            assert skipped.reason.code == "long_path"
            again = build(folder, tmp_path / "index")
            assert (again.unchanged, again.skipped) == (1, report.skipped)
        finally:
            os.close(opened.pop())
            while opened:
                os.rmdir(name, dir_fd=opened[-1])
                os.close(opened.pop())

    def test_what_cannot_be_looked_at_stops_the_build_and_is_not_forgotten(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(folder / "sub" / "a.txt", "閉ざされる前の文書です。")
        build(folder, tmp_path / "index")
        real = Path.stat

        def stat(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
            if path.name == "a.txt":  # a folder that may be listed, but not entered
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, follow_symlinks=follow_symlinks)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "stat", stat)
            with pytest.raises(IndexFolderError, match=r"a\.txt.*Nothing was changed"):
                build(folder, tmp_path / "index")
        assert documents(tmp_path / "index") == {"sub/a.txt"}


class TestLinks:
    def test_loops_of_folders_are_read_once_and_without_a_word(self, folder: Path, tmp_path: Path) -> None:
        write(folder / "a" / "b" / "x.txt", "輪の中の文書です。")
        (folder / "a" / "b" / "up").symlink_to("..")
        (folder / "a" / "top").symlink_to(folder)
        (folder / "a" / "side").symlink_to("b")
        report = build(folder, tmp_path / "index")
        assert (report.added, report.skipped) == (1, [])
        assert documents(tmp_path / "index") == {"a/b/x.txt"}

    def test_links_that_cannot_be_followed_are_named(self, folder: Path, tmp_path: Path) -> None:
        write(folder / "x.txt", "本物の文書です。")
        for name, target in (("self.txt", "self.txt"), ("a.txt", "b.txt"), ("b.txt", "a.txt"), ("gone.txt", "no")):
            (folder / name).symlink_to(target)
        report = build(folder, tmp_path / "index")
        assert documents(tmp_path / "index") == {"x.txt"}
        assert codes(report) == dict.fromkeys(("self.txt", "a.txt", "b.txt", "gone.txt"), "broken_link")
        again = build(folder, tmp_path / "index")
        assert (again.unchanged, reasons(again)) == (1, reasons(report))
        # A link is read once it leads somewhere.
        write(folder / "no", "遅れて来た文書です。")
        build(folder, tmp_path / "index")
        assert documents(tmp_path / "index") == {"x.txt", "gone.txt", "no"}

    def test_a_link_to_a_folder_elsewhere_is_named_with_the_remedy(self, folder: Path, tmp_path: Path) -> None:
        write(tmp_path / "shared" / "y.txt", "よその文書です。")
        (folder / "shared").symlink_to(tmp_path / "shared")
        (folder / "above").symlink_to(tmp_path)
        report = build(folder, tmp_path / "index")
        assert codes(report) == dict.fromkeys(("shared", "above"), "link_elsewhere")
        add([folder / "shared"], tmp_path / "index")
        assert documents(tmp_path / "index") == {(tmp_path / "shared" / "y.txt").as_posix()}

    def test_a_link_to_a_file_is_read_as_a_file(self, folder: Path, tmp_path: Path) -> None:
        write(tmp_path / "outside.txt", "よその文書です。")
        (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
        assert build(folder, tmp_path / "index").skipped == []
        assert documents(tmp_path / "index") == {"link.txt"}


def old_name(folder: Path, name: bytes) -> Path:
    return Path(os.fsdecode(os.fsencode(folder) + b"/" + name))


class TestNames:
    def test_composed_and_decomposed_names_side_by_side(self, folder: Path, tmp_path: Path) -> None:
        composed, decomposed = (unicodedata.normalize(form, "がいどガイド.txt") for form in ("NFC", "NFD"))
        write(folder / composed, "合成された名前の案内です。")
        write(folder / decomposed, "分解された名前の手引きです。")
        build(folder, tmp_path / "index")
        assert documents(tmp_path / "index") == {composed, decomposed}
        with Searcher.open(tmp_path / "index") as searcher:
            hits = searcher.search("がいどガイド", mode="bm25").hits
        assert {hit.document.uri for hit in hits} == {composed, decomposed}

    def test_shift_jis_names_of_every_type(self, folder: Path, tmp_path: Path) -> None:
        word = docx.Document()
        word.add_paragraph("ワードの文書です。")
        word.save(str(tmp_path / "word.docx"))
        contents: dict[str, str | bytes] = {
            ".txt": "文書です。",
            ".md": "# 見出し\n\n本文です。",
            ".html": "<p>ページです。</p>",
            ".csv": "題名,本文\nあ,行です。\n",
            ".jsonl": '{"text": "行です。"}\n',
            ".pdf": make_pdf([["本文です。"]]),
            ".docx": (tmp_path / "word.docx").read_bytes(),
        }
        for suffix, content in contents.items():
            write(old_name(folder, "日本語表".encode("cp932") + suffix.encode()), content)
        report = build(folder, tmp_path / "index")
        assert (report.added, report.skipped) == (len(contents), [])
        assert {uri.split("#")[0] for uri in documents(tmp_path / "index")} == {f"日本語表{s}" for s in contents}

    def test_a_shift_jis_name_that_is_also_there_in_utf8(self, folder: Path, tmp_path: Path) -> None:
        write(folder / "日本語表.txt", "新しい名前の文書です。")
        write(old_name(folder, "日本語表.txt".encode("cp932")), "古い名前の文書です。")
        for _ in range(2):
            report = build(folder, tmp_path / "index")
            assert documents(tmp_path / "index") == {"日本語表.txt"}
            assert codes(report) == {"日本語表.txt": "same_file_name"}

    @pytest.mark.parametrize("name", ["a.日本語".encode("cp932"), "日本語".encode("cp932"), b"a.\xff\xfe", b"a.b\nc"])
    def test_odd_suffixes_are_refused_in_words_that_can_be_shown(
        self, folder: Path, tmp_path: Path, name: bytes
    ) -> None:
        write(old_name(folder, name), b"x\0")
        for _ in range(2):
            (skipped,) = build(folder, tmp_path / "index").skipped
            assert skipped.reason.code in ("unknown_type", "no_suffix")
            assert "\n" not in str(skipped.reason)
            str(skipped.reason).encode()

    def test_files_of_other_suffixes_are_read_if_they_are_text(self, folder: Path, tmp_path: Path) -> None:
        for name in ("LICENSE", "setup.cfg", "a.日本語"):
            write(folder / name, "設定の値です。")
        for name in ("README", "name.", "a.exe"):
            write(folder / name, b"\x7fELF\2\1\1\0")
        assert reasons(build(folder, tmp_path / "index")) == {
            "README": Reason("no_suffix"),
            "name.": Reason("no_suffix"),
            "a.exe": Reason("unknown_type", {"suffix": ".exe"}),
        }


def test_near_empty_files(folder: Path, tmp_path: Path) -> None:
    good: dict[str, str | bytes] = {
        "heading.md": "# 見出しだけ\n",
        "heading.html": "<h1>見出し</h1>",
        "one.txt": "あ",
        "stop.md": "。",
        "emptyheading.md": "#\n\n本文だけです。\n",
        "onecell.csv": "x",
        "onepage.pdf": make_pdf([[], ["あい"], []]),
    }
    empty: dict[str, str | bytes] = {
        "space.txt": " \n\t　\n",
        "mark.txt": "\ufeff",
        "nothing.txt": "",
        "nul.txt": "\0",
        "rule.md": "---\n",
        "front.md": "---\ntitle: 題\n---\n",
        "wide.md": "# 　\n\n　\n",
        "page.html": "<title>題だけ</title><body></body>",
        "header.csv": "題名,本文\n",
        "blank.csv": " , \n",
        "blank.jsonl": "\n\n",
        "object.jsonl": "{}\n",
        "blank.pdf": make_pdf([[]]),
    }
    contents = good | empty
    for name, content in contents.items():
        write(folder / name, content)
    for _ in range(2):
        report = build(folder, tmp_path / "index")
        assert {uri.split("#")[0] for uri in reasons(report)} == set(empty)
    assert report.documents == len(good)
    assert verify(tmp_path / "index") == []


def test_a_wide_table(folder: Path, tmp_path: Path) -> None:
    rows = [",".join(f"項目{column}" for column in range(60))]
    rows += [",".join(f"値{row}の{column}" for column in range(60)) for row in range(300)]
    write(folder / "wide.csv", "\n".join(rows))
    report = build(folder, tmp_path / "index")
    assert (report.documents, report.skipped) == (300, [])
    with Searcher.open(tmp_path / "index") as searcher:
        (hit, *_) = searcher.search("値299の59", mode="bm25").hits
    assert hit.document.uri == "wide.csv#row=300"


def test_a_pdf_of_many_pages(folder: Path, tmp_path: Path) -> None:
    pages = [[f"第{number}頁の見出し", f"ここには{number}番目の頁の本文があります。"] for number in range(1, 401)]
    write(folder / "long.pdf", make_pdf(pages))
    report = build(folder, tmp_path / "index")
    assert (report.documents, report.skipped) == (1, [])
    with Searcher.open(tmp_path / "index") as searcher:
        assert "400番目" in searcher.search("400番目の頁の本文", k=1, mode="bm25").hits[0].text


def test_a_table_of_nothing_but_empty_rows_gives_few_reasons_and_their_number(folder: Path, tmp_path: Path) -> None:
    write(folder / "a.csv", "title,text\n" + "A,\n" * 5000 + "B,filled\n")
    report = build(folder, tmp_path / "index")
    assert report.documents == 1
    empty = Reason("empty_row")
    reason = Reason("parts", {"number": 5000}, tuple(Part({"row": row}, empty) for row in (1, 2, 3)))
    assert reasons(report) == remembered(tmp_path / "index") == {"a.csv": reason}
    some = "row 1: its text is empty; row 2: its text is empty; row 3: its text is empty"
    assert str(reason) == f"{some}; 4,997 more"


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, suffix: str) -> None:
    def peak(lines: int) -> int:
        path = tmp_path / f"{lines}{suffix}"
        text = "検索の試験に使う文章です。" * 60
        with path.open("w", encoding="utf-8") as file:
            file.write("id,text\n" if suffix == ".csv" else "")
            for number in range(lines):
                row = f"{number},{text}\n" if suffix == ".csv" else json.dumps({"id": number, "text": text}) + "\n"
                file.write(row)
        tracemalloc.start()
        try:
            assert sum(isinstance(item, Document) for item in read_file(path, path.name)) == lines
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)  # imports
    small, large = peak(1000), peak(6000)
    # IDs are remembered, and a megabyte is read at a time; the file itself grew by eleven.
    assert large - small < 2_000_000


class Clock:
    """What a build takes for the clock; it goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def perf_counter(self) -> float:
        return self.now


def no_time_left() -> Allowance:
    return Allowance(deadline=Deadline(60, 60, 0.0))


class TestTimeLimit:
    """A file may be read for so long; what was read until then stays."""

    TOO_LONG = 2 * MAX_SECONDS

    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> Clock:
        clock = Clock()
        monkeypatch.setattr("sakuin.index.ingest.time", clock)
        return clock

    def test_the_rest_of_a_slow_table_is_left_out_until_it_changes(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
    ) -> None:
        def slow_third_row(source: Source, module: str) -> Iterator[Document | Skipped]:
            for item in read_source(source, module):
                if item.uri.endswith("#row=3"):
                    clock.now += self.TOO_LONG
                yield item

        write(folder / "a.csv", "title,text\n" + "".join(f"題{row},{row}行目です。\n" for row in range(1, 6)))
        write(folder / "b.txt", "次のファイルです。")
        with monkeypatch.context() as patched:
            patched.setattr("sakuin.index.readers.guarded.read_source", slow_third_row)
            report = build(folder, tmp_path / "index")
        assert documents(tmp_path / "index") == {"a.csv#row=1", "a.csv#row=2", "b.txt"}
        (left_out,) = reasons(report)["a.csv"].parts
        assert (left_out.position, left_out.reason.code) == ({"row": 3}, "too_slow")
        assert remembered(tmp_path / "index") == reasons(report)
        again = build(folder, tmp_path / "index")
        assert (again.unchanged, again.new_passages) == (2, 0)
        assert reasons(again) == reasons(report)
        with (folder / "a.csv").open("a", encoding="utf-8") as file:
            file.write("題6,6行目です。\n")
        assert build(folder, tmp_path / "index").skipped == []
        assert documents(tmp_path / "index") == {*(f"a.csv#row={row}" for row in range(1, 7)), "b.txt"}
        assert verify(tmp_path / "index") == []

    def test_the_reason_comes_before_those_of_empty_rows(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
    ) -> None:
        def slow(source: Source, module: str) -> Iterator[Document | Skipped]:
            *empty, last = read_source(source, module)
            yield from empty
            clock.now += self.TOO_LONG
            yield last

        write(folder / "a.csv", "title,text\n" + "A,\n" * 300 + "B,filled\n")
        monkeypatch.setattr("sakuin.index.readers.guarded.read_source", slow)
        report = build(folder, tmp_path / "index")
        reason = reasons(report)["a.csv"]
        assert [(part.position, part.reason.code) for part in reason.parts[:2]] == [
            ({"row": 301}, "too_slow"),
            ({"row": 1}, "empty_row"),
        ]
        assert reason.data == {"number": 301}
        assert reasons(report) == remembered(tmp_path / "index")

    def test_time_spent_on_indexing_does_not_count(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
    ) -> None:
        def slow(document: Document, max_width: int) -> list[Passage]:
            clock.now += self.TOO_LONG
            return split(document, max_width)

        write(folder / "a.jsonl", '{"text": "一行目です。"}\n{"text": "二行目です。"}\n{"text": "三行目です。"}\n')
        monkeypatch.setattr("sakuin.index.ingest.split", slow)
        assert build(folder, tmp_path / "index").skipped == []

    def test_a_large_file_may_take_longer(self) -> None:
        assert seconds_allowed(0) == MAX_SECONDS
        assert seconds_allowed(10**9) > seconds_allowed(10**8) > MAX_SECONDS

    def test_a_slow_pdf_keeps_the_pages_read_until_then(self, tmp_path: Path) -> None:
        write(tmp_path / "a.pdf", make_pdf([[f"{number}頁目の本文です。"] for number in range(1, 9)]))
        document, skipped = pdf.read(Source(uri="a.pdf", path=tmp_path / "a.pdf", allowance=no_time_left()))
        assert isinstance(document, Document)
        assert document.text == "1頁目の本文です。"
        assert skipped == Skipped("a.pdf#page=2", Reason("stopped", {"seconds": 60, "limit": 60}))

    def test_slow_markdown_keeps_the_pieces_read_until_then(self, tmp_path: Path) -> None:
        write(tmp_path / "a.md", "".join(f"{number}番目の段落の本文です。\n\n" for number in range(10)))
        document, skipped = markdown.read(
            Source(uri="a.md", path=tmp_path / "a.md", allowance=no_time_left()), piece=10, longest_piece=20
        )
        assert isinstance(document, Document)
        assert document.text == "0番目の段落の本文です。"
        assert skipped == Skipped("a.md", Reason("stopped_at", {"percent": 10, "seconds": 60, "limit": 60}))


class TestLongMarkdown:
    """Parsed whole, Markdown of some megabytes would fill the memory."""

    SOURCE = """---
title: 題
---
# 第一章

本文は
ここで続く。**太字** です。

- 項目
- 次の項目

```text
# 見出しではない

    空行の後
```

## 第一節

| 品 | 価格 |
|---|---|
| 茶 | 100円 |

最後の段落。
"""

    def test_in_pieces_it_reads_the_same(self, tmp_path: Path) -> None:
        path = tmp_path / "a.md"
        path.write_text(self.SOURCE, encoding="utf-8")
        (whole,) = read_file(path, "a.md")
        assert isinstance(whole, Document)
        assert list(markdown.read(Source(uri="a.md", path=path), piece=1, longest_piece=100)) == [
            replace(whole, metadata={})
        ]

    def test_no_word_is_lost_where_it_has_no_blank_lines(self, tmp_path: Path) -> None:
        words = [f"w{number}" for number in range(500)]
        for separator in ("\n", "\n- ", " "):
            path = tmp_path / "a.md"
            path.write_text(separator.join(words))
            (document,) = markdown.read(Source(uri="a.md", path=path), piece=50, longest_piece=100)
            assert isinstance(document, Document)
            assert "".join(document.text.split()) == "".join(words)


def test_a_page_too_large_to_be_parsed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    with path.open("wb") as file:
        file.truncate(65 * 1024 * 1024)  # takes no room on the disk
    with pytest.raises(ReadError, match="too large"):
        list(read_file(path, path.name))
