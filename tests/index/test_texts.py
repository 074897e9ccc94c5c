"""Long texts, stored in blocks so that a part of one is read by itself."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sakuin import Document, Index, IndexFolderError
from sakuin.index.documents import Heading
from sakuin.index.integrity import verify
from sakuin.index.maintenance import repair
from sakuin.index.problems import Problem
from sakuin.index.salvage import salvage
from sakuin.index.store.checksums import row_checksum
from sakuin.index.store.listing import find_document, list_documents, list_passages, reading
from sakuin.index.store.texts import BLOCK, block_part, text_length, text_part
from sakuin.search import Searcher

SHORT = "短い文書です。𠮷野家の牛丼。"


def long_text(seed: int, blocks: float) -> str:
    """A text of so many blocks, of characters of one to four bytes."""
    rng = random.Random(seed)
    words = ["猫", "日本語", "𠮷野", "e\u0301tude", "word", "ﾃｽﾄ", "🍣", "長い"]
    parts, size = [], 0
    while size < blocks * BLOCK:
        parts.append(f"{len(parts)}番の{rng.choice(words)}と{rng.choice(words)}の文です。")
        size += len(parts[-1])
    return "".join(parts)[: int(blocks * BLOCK)]


TEXTS = {
    "long": long_text(0, 3.4),
    "two blocks": long_text(1, 2),
    "one block": long_text(2, 1),
    "one more": long_text(3, 1) + "。",
    "short": SHORT,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Index.open(tmp_path / "index") as index:
        headings = (Heading(BLOCK - 2, BLOCK + 2, 1), Heading(3 * BLOCK, 3 * BLOCK + 5, 2))
        index.add([Document(id=n, text=t, headings=headings if n == "long" else ()) for n, t in TEXTS.items()])
    return tmp_path / "index"


def change(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "documents.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def as_before(folder: Path) -> None:
    """Make an index what it was before there were blocks."""
    change(
        folder,
        "UPDATE documents SET text = (SELECT group_concat(text, '') FROM "
        "(SELECT text FROM text_blocks WHERE document = number ORDER BY start)) "
        "WHERE number IN (SELECT document FROM text_blocks)",
        "DROP TABLE text_blocks",
    )


def has_table(folder: Path) -> bool:
    with closing(sqlite3.connect(folder / "documents.db")) as connection:
        return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'text_blocks'").fetchone())


def blocks(folder: Path) -> dict[str, list[int]]:
    """Lengths of the blocks of each document that has some."""
    found: dict[str, list[int]] = {}
    with closing(sqlite3.connect(folder / "documents.db")) as connection:
        for name, length in connection.execute(
            "SELECT d.id, length(b.text) FROM text_blocks b JOIN documents d ON d.number = b.document "
            "WHERE d.text = '' ORDER BY b.document, b.start"
        ):
            found.setdefault(name, []).append(length)
    return found


def test_what_is_longer_than_a_block_is_stored_in_blocks(folder: Path) -> None:
    assert blocks(folder) == {
        "long": [BLOCK, BLOCK, BLOCK, len(TEXTS["long"]) - 3 * BLOCK],
        "two blocks": [BLOCK, BLOCK],
        "one more": [BLOCK, 1],
    }
    assert verify(folder) == []


@pytest.mark.parametrize("prepare", [lambda folder: None, as_before], ids=["blocks", "before"])
def test_every_part_is_that_of_the_text(folder: Path, prepare: Callable[[Path], None]) -> None:
    prepare(folder)
    rng = random.Random(0)
    with reading(folder) as connection:
        for name, text in TEXTS.items():
            document = find_document(connection, name)
            assert document is not None
            assert document.characters == text_length(connection, document.number, name) == len(text)
            edges = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, len(text) - 1, len(text)]
            some = [(start, end) for start in edges for end in edges if 0 <= start <= end <= len(text)]
            some += [tuple(sorted((rng.randrange(len(text)), rng.randrange(len(text))))) for _ in range(30)]
            for start, end in some:
                part = text_part(connection, document.number, name, start, end)
                assert part == text[start:end]
                if has_table(folder) and len(text) > BLOCK:
                    assert block_part(connection, document.number, start, end) == part
            for passage in list_passages(connection, document.number, most=10_000):
                assert passage.text == text[passage.start : passage.end]
            assert list_passages(connection, document.number, first=10**6) == []


@pytest.mark.parametrize("prepare", [lambda folder: None, as_before], ids=["blocks", "before"])
def test_an_index_reads_the_same_however_its_texts_are_stored(folder: Path, prepare: Callable[[Path], None]) -> None:
    with Searcher.open(folder) as searcher:
        expected = [searcher.search(query, k=50) for query in ("寿司 日本語", "700番の猫")]
        outline = searcher.document("long").outline
    prepare(folder)
    assert verify(folder) == []
    with Index.open(folder) as index:
        assert {one.id: one.text for one in index.get(TEXTS)} == TEXTS
        assert {one.id: one.text for one in index.documents()} == TEXTS
        with index.searcher() as searcher:
            for result in expected:
                assert searcher.search(result.query, k=50).hits == result.hits
            for name, text in TEXTS.items():
                document = searcher.document(name)
                assert document.text == text
                for passage in document.passages[:: max(len(document.passages) // 20, 1)]:
                    excerpt = searcher.read(passage, document=name, around=1)
                    assert excerpt.text == text[excerpt.start : excerpt.end]
            assert searcher.document("long").outline == outline
            assert [one.text for one in outline] == [
                TEXTS["long"][BLOCK - 2 : BLOCK + 2],
                TEXTS["long"][3 * BLOCK :][:5],
            ]
            ids = [int(passage.passage_id, 16) for passage in searcher.document("long").passages]
            glimpses = searcher.snapshot.glimpses(ids)
            assert all(one.text in TEXTS["long"] for one in glimpses.values())
            assert len(glimpses) == len(set(ids))


def test_an_index_made_before_has_its_long_texts_moved_when_it_is_written_to(folder: Path) -> None:
    stored = blocks(folder)
    as_before(folder)
    # Whoever reads goes on meanwhile.
    with Searcher.open(folder) as searcher:
        hits = searcher.search("700番の猫", k=5, where={"id": "long"}).hits
        assert not has_table(folder)
        with Index.open(folder) as index:
            index.add({"id": "new", "text": "あとから来た文書です。"})
            assert index.get("long")[0].text == TEXTS["long"]
        assert searcher.document("long").text == TEXTS["long"]
        found = searcher.search("700番の猫", k=5, where={"id": "long"}).hits
        assert [hit.text for hit in found] == [hit.text for hit in hits]
    assert blocks(folder) == stored
    assert verify(folder) == []


def test_a_text_that_was_damaged_before_is_not_made_whole_by_moving_it(folder: Path) -> None:
    as_before(folder)
    change(folder, "UPDATE documents SET text = replace(text, '猫', '犬') WHERE id = 'long'")
    with Index.open(folder) as index:
        index.add({"id": "new", "text": "あとから来た文書です。"})
    assert verify(folder) == [Problem("document", {"document": "long"})]
    with Searcher.open(folder) as searcher, pytest.raises(IndexFolderError, match="index verify"):
        searcher.read(3, document="long")


def test_blocks_come_and_go_with_their_documents(folder: Path) -> None:
    with Index.open(folder) as index:
        index.add([{"id": "long", "text": SHORT}, {"id": "short", "text": TEXTS["two blocks"]}])
        index.delete("one more")
        assert blocks(folder) == {"two blocks": [BLOCK, BLOCK], "short": [BLOCK, BLOCK]}
        assert [one.text for one in index.get(["long", "short"])] == [SHORT, TEXTS["two blocks"]]
        same = index.add({"id": "short", "text": TEXTS["two blocks"]})
        assert same.unchanged == 1
    assert verify(folder) == []


def test_vectors_and_terms_are_made_anew_from_blocks(folder: Path) -> None:
    with Searcher.open(folder) as searcher:
        before = searcher.search("700番の猫").hits
    for path in (folder / "vectors").iterdir():
        path.write_bytes(b"")
    repair(folder)
    assert verify(folder) == []
    with Searcher.open(folder) as searcher:
        assert searcher.search("700番の猫").hits == before


LAST = "document = 1 AND start = (SELECT max(start) FROM text_blocks WHERE document = 1)"


@pytest.mark.parametrize(
    "damage",
    [
        f"UPDATE text_blocks SET text = replace(text, '文', '又') WHERE {LAST}",
        f"UPDATE text_blocks SET checksum = checksum + 1 WHERE {LAST}",
        f"UPDATE text_blocks SET start = start + 1 WHERE {LAST}",
        f"DELETE FROM text_blocks WHERE {LAST}",
        "UPDATE documents SET text = 'x' WHERE number = 1",
    ],
)
def test_damaged_blocks_are_found_and_not_read(folder: Path, damage: str) -> None:
    change(folder, damage)
    assert verify(folder) == [Problem("document", {"document": "long"})]
    with pytest.raises(IndexFolderError, match="build it again"):
        repair(folder)
    with Searcher.open(folder) as searcher:
        for read in (
            lambda: searcher.document("long"),
            lambda: searcher.document("long", start=3 * BLOCK + 10, most=100),
        ):
            with pytest.raises(IndexFolderError, match="index verify"):
                read()


def test_only_the_blocks_of_a_passage_are_read_for_it(folder: Path) -> None:
    change(folder, f"UPDATE text_blocks SET text = 'x' WHERE {LAST}")
    with Searcher.open(folder) as searcher:
        excerpt = searcher.read(2, document="long")
        assert excerpt.text == TEXTS["long"][excerpt.start : excerpt.end]
        passage_id = int(excerpt.passage.passage_id, 16)
        assert searcher.snapshot.passages([passage_id])[passage_id].text in excerpt.text


def test_long_texts_that_are_whole_are_kept_of_a_damaged_index(folder: Path) -> None:
    change(folder, f"UPDATE text_blocks SET text = 'x' WHERE {LAST}")
    salvage(folder)
    assert verify(folder) == []
    with Index.open(folder) as index:
        assert {one.id: one.text for one in index.get(TEXTS)} == {n: t for n, t in TEXTS.items() if n != "long"}
    assert blocks(folder).keys() == {"two blocks", "one more"}


def test_blocks_that_lost_their_document_are_found(folder: Path) -> None:
    checksum = row_checksum(("gone", 0, "x"))
    change(folder, f"INSERT INTO text_blocks (document, start, checksum, text) VALUES (99, 0, {checksum}, 'x')")
    (problem,) = verify(folder)
    assert problem == Problem("homeless_texts", {"number": 1})
    assert not problem.repairable


def test_a_list_of_documents_says_how_long_they_are(folder: Path) -> None:
    with reading(folder) as connection:
        assert {one.id: one.characters for one in list_documents(connection)} == {n: len(t) for n, t in TEXTS.items()}
