"""Copies of shards that several processes share, of which one may be killed."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sakuin.cluster import copies as copies_module
from sakuin.cluster.copies import Copies
from sakuin.cluster.places import Disk
from tests.cluster.nodes import ROOT

OTHER = """
import sys
from pathlib import Path
from sakuin.cluster.copies import Copies
from sakuin.cluster.places import Disk

class Endless(Disk):
    def copy(self, name, to, *, link=True):
        if name.endswith("endless"):
            to.mkdir(parents=True)
            (to / "documents.db").write_text("half")
            print("copying", flush=True)
            input()
        super().copy(name, to, link=link)

copies = Copies(Endless(Path(sys.argv[1])), Path(sys.argv[2]))
copies.path("id", "shards/0000/old")
copies.path("id", "shards/0001/endless")
"""


@pytest.fixture
def place(tmp_path: Path) -> Disk:
    place = Disk(tmp_path / "cluster")
    for name in ("0000/old", "0000/new", "0000/newest", "0001/endless"):
        folder = place.folder / "shards" / name
        folder.mkdir(parents=True)
        (folder / "documents.db").write_text(name * 100)
    return place


def names(root: Path) -> list[str]:
    """Of all copies that are there."""
    return sorted(path.name for path in root.glob("*/shards/*/*"))


def test_a_copy_stays_while_another_process_has_it_open_and_goes_when_that_was_killed(
    place: Disk, tmp_path: Path
) -> None:
    root = tmp_path / "copies"
    command = [sys.executable, "-c", OTHER, str(place.folder), str(root)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "copying\n"
        mine = Copies(place, root)
        old = mine.path("id", "shards/0000/old")
        mine.path("id", "shards/0000/new")
        mine.keep_only("id", ["shards/0000/new"])
        # Who searches reads documents by the name of the folder.
        assert (old / "documents.db").read_text() == "0000/old" * 100
        assert len(list(root.glob("*.part"))) == 1
        other.send_signal(signal.SIGKILL)
        other.wait()
        mine.keep_only("id", ["shards/0000/new"])
        assert names(root) == ["new"]
        assert not list(root.glob("*.part"))
        assert len(list((root / "users").iterdir())) == 2
        mine.close()
    assert not list((root / "users").iterdir())
    assert names(root) == ["new"]


def test_of_copies_that_nobody_has_open_those_used_last_are_kept_up_to_a_size(
    place: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "copies"
    for cluster in ("first", "second", "third"):
        before = Copies(place, root)
        before.path(cluster, "shards/0000/old")
        before.close()
    monkeypatch.setattr(copies_module, "KEPT_BYTES", 2 * len("0000/old" * 100))
    mine = Copies(place, root)
    used = mine.path("first", "shards/0000/old")
    mine.close()
    mine.path("fourth", "shards/0000/new")
    mine.keep_only("fourth", ["shards/0000/new"])
    # "first" was used again, "second" longest ago.
    assert names(root) == ["new", "old", "old"]
    assert used.exists()
    mine.close()


def test_a_copy_that_another_process_has_made_is_taken(place: Disk, tmp_path: Path) -> None:
    first, second = (Copies(place, tmp_path / "copies") for _ in range(2))
    path = first.path("id", "shards/0000/old")
    (place.folder / "shards/0000/old/documents.db").unlink()
    assert second.path("id", "shards/0000/old") == path
    assert (path / "documents.db").exists()
    # Another cluster at the same place has copies of its own.
    assert second.path("other", "shards/0000/new").parts[-4] != path.parts[-4]
