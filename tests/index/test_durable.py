"""What was told to be done outlives a power cut: files, and their names in all folders above them."""

import os
from pathlib import Path

import pytest

from sakuin.files import sync_file
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


def test_a_file_that_nobody_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"cat")
    path.chmod(0o444)
    tmp_path.chmod(0o755)
    # Below folders of root's, only what is named from here is seen by others.
    monkeypatch.chdir(tmp_path)
    user = os.geteuid()
    with synced() as seen:
        try:
            if user == 0:
                os.seteuid(65534)
            sync_file(Path(path.name))
        finally:
            os.seteuid(user)
    assert seen.states == {path.stat().st_ino: 3}
