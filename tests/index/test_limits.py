"""Commands where memory is scarce end with a sentence: by no signal, and with no traceback."""

import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest

from sakuin.cli import limits
from sakuin.cli.running import run
from sakuin.index.build import build
from sakuin.index.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")


def limited(megabytes: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command that may have so many MB of address space."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    command = [sys.executable, "-m", "sakuin", *arguments]
    return subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [200, 700, 1300])
def test_every_command_ends_with_a_sentence(corpus: Path, tmp_path: Path, toy_model: Path, megabytes: int) -> None:
    index = ("--index", str(tmp_path / "index"))
    build(corpus, tmp_path / "index", Settings(model=str(toy_model)))
    for arguments in (
        ("search", "password"),
        ("build", str(corpus)),
        ("add", str(corpus)),
        ("remove", "vpn.md"),
        ("compact",),
        ("repair",),
        ("info", "--facets"),
        ("verify",),
        ("backup", str(tmp_path / "copy")),
    ):
        done = limited(megabytes, *arguments, *index)
        assert done.returncode in (0, 1), (arguments, done.returncode, done.stderr[-500:])
        assert "Traceback" not in done.stderr
        assert done.returncode == 0 or "Error:" in done.stderr


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread"), OSError(12, "no memory")])
def test_want_of_memory_is_called_so(
    error: Exception, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(sys, "argv", ["failing"])
    with pytest.raises(SystemExit) as ended:
        run(failing, "failing", interrupted="What was done stands.")
    assert ended.value.code == 1
    assert "not enough memory" in capsys.readouterr().err


def test_a_library_that_cannot_say_what_it_lacks_lacks_memory_where_that_is_limited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "address_space_limit", lambda: 1 << 30)
    assert limits.is_want_of_memory(RuntimeError("\n"))
    assert not limits.is_want_of_memory(RuntimeError("a mistake"))
    monkeypatch.setattr(limits, "address_space_limit", lambda: None)
    assert not limits.is_want_of_memory(RuntimeError("\n"))


@pytest.mark.parametrize(("command", "megabytes"), [("info", 200), ("search", 800), ("build", 1300)])
def test_too_low_a_limit_is_told_before_anything_is_loaded(command: str, megabytes: int, tmp_path: Path) -> None:
    done = limited(megabytes, command, *([] if command == "info" else [str(tmp_path)]), "--index", str(tmp_path))
    assert done.returncode == 1
    assert f"`index {command}` needs " in done.stderr
    assert f"limited to {megabytes:,} MB" in done.stderr


def test_other_failures_of_the_program_are_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def failing() -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(sys, "argv", ["failing"])
    with pytest.raises(RuntimeError, match="a mistake"):
        run(failing, "failing", interrupted="")
