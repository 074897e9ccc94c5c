"""What was judged stays where an index is copied, put back, mended or made anew."""

from contextlib import closing
from pathlib import Path

import pytest

from sakuin import Index
from sakuin.index.backup import backup, restore
from sakuin.index.build import build
from sakuin.index.errors import IndexFolderError
from sakuin.index.outliving import JUDGEMENTS, OUTLIVING, begin_again
from sakuin.index.salvage import salvage
from sakuin.index.settings import Settings
from sakuin.index.store import connect
from sakuin.tuning import judgements


@pytest.fixture
def index(corpus: Path, tmp_path: Path, toy_model: Path) -> Index:
    build(corpus, tmp_path / "index", Settings(model=str(toy_model)))
    made = Index.open(tmp_path / "index")
    made.judge("休みたい", "leave.txt", answers=True)
    return made


def judged(folder: Path) -> list[str]:
    return [one.query for one in judgements.read(folder)]


def test_a_copy_has_the_judgements_of_its_time(index: Index, tmp_path: Path) -> None:
    with (index.folder / JUDGEMENTS).open("ab") as log:
        log.write(b'{"query": "half')
    backup(index.folder, tmp_path / "copy")
    index.judge("later", "leave.txt", answers=True)
    assert judged(tmp_path / "copy") == ["休みたい"]
    assert (tmp_path / "copy" / JUDGEMENTS).read_bytes().endswith(b"\n")


def test_judgements_stay_where_a_copy_is_put_back(index: Index, tmp_path: Path) -> None:
    backup(index.folder, tmp_path / "copy")
    index.judge("later", "leave.txt", answers=True)
    _, aside = restore(tmp_path / "copy", index.folder)
    assert judged(index.folder) == ["休みたい", "later"]
    assert aside
    # Where there is nothing to stay, those of the copy come.
    restore(tmp_path / "copy", tmp_path / "new")
    assert judged(tmp_path / "new") == ["休みたい"]


def test_judgements_stay_where_an_index_is_mended(index: Index) -> None:
    with closing(connect(index.folder, read_only=False)) as connection:
        connection.execute("UPDATE documents SET text = 'changed' WHERE id = 'vpn.md'")
        connection.commit()
    salvage(index.folder)
    assert judged(index.folder) == ["休みたい"]
    assert len(Index.open(index.folder)) < 4


def test_who_begins_again_is_told_to_keep_them(index: Index) -> None:
    assert judgements.NAME in OUTLIVING
    with closing(connect(index.folder, read_only=False)) as connection:
        connection.execute("UPDATE manifest SET value = '9' WHERE key = 'format'")
        connection.commit()
    with pytest.raises(IndexFolderError, match=f"but {JUDGEMENTS}, and build it again"):
        Index.open(index.folder)
    (index.folder / JUDGEMENTS).unlink()
    assert begin_again(index.folder) == "delete the folder and build it again"
