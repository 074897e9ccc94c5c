"""What was told to be done outlives a power cut: files, and their names in all folders above them."""

import os
from pathlib import Path

import pytest

from sakuin.index.backup import backup
from sakuin.index.build import build
from sakuin.index.settings import Settings
from sakuin.index.uploads import add_uploads
from tests.durable import synced

pytestmark = pytest.mark.skipif(os.name != "posix", reason="elsewhere names are made durable without being asked")


def test_an_upload_and_the_index_that_was_made_for_it(tmp_path: Path, toy_model: Path) -> None:
    folder = tmp_path / "new" / "index"
    with synced() as seen:
        result = add_uploads([("leave.txt", b"the cat sat")], folder, settings=Settings(model=str(toy_model)))
    assert seen.has(Path(result.kept[0][1]), below=tmp_path)
    assert seen.has(folder, below=tmp_path)


def test_a_copy_and_what_people_wrote_of_it(tmp_path: Path, corpus: Path, toy_model: Path) -> None:
    build(corpus, tmp_path / "index", Settings(model=str(toy_model)))
    (tmp_path / "index" / "synonyms.txt").write_text("cat, feline", encoding="utf-8")
    copy = tmp_path / "new" / "copy"
    with synced() as seen:
        backup(tmp_path / "index", copy)
    assert seen.has(copy / "synonyms.txt", below=tmp_path)
    assert seen.has(copy / "documents.db", below=tmp_path)
