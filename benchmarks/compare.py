"""Two commits told apart: how many times as fast is B as A, measured in turns on this machine.

    python -m benchmarks.compare                # A is the last release, B the working tree
    python -m benchmarks.compare v0.1.0 main    # commits, tags, or folders with a clone

The last release is the newest tag, or else the newest commit that `benchmarks/results` has figures of. Both are
installed beside each other, with what they compile, and run with the libraries of this environment.

Each measurement is taken in rounds, in which A and B do the same work one after the other, and take turns to be first.
A round gives one ratio; shown are the median of these and an interval that holds the true median with a probability of
at least 95 %, by the sign test, which takes nothing for granted but that rounds do not depend on each other.
"""

import io
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from importlib.metadata import Distribution, PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple, Self

import click
from packaging.requirements import Requirement

from benchmarks.passages import distinct_passages
from benchmarks.processes import AS_INSTALLED
from benchmarks.questions import asked_of
from benchmarks.results import FOLDER
from benchmarks.steps import write_corpus

ROOT = Path(__file__).parent.parent
PROBE = Path(__file__).with_name("probe.py")
CORPUS = 20_000
BATCH = 2_000
QUERIES = 40
PROBABILITY = 0.95
# Six are the fewest of which the sign test gives an interval of 95 %.
ENCODE_ROUNDS, SEARCH_ROUNDS, COLD_ROUNDS, BUILD_ROUNDS = 12, 12, 9, 6

Measured = Mapping[str, float]
"""Seconds, by what took them."""


class Incomparable(Exception):
    """There is nothing to compare with; the message says why."""


class Ratio(NamedTuple):
    """How many times as fast B is as A."""

    median: float
    low: float
    high: float


class Side:
    """A checkout, installed in a folder of its own, and a process in which it answers."""

    def __init__(self, name: str, folder: Path) -> None:
        """Install it.

        Args:
            name: A commit, a tag, or a folder with a clone, whose changed files count.
            folder: Where everything of it goes.

        Raises:
            Incomparable: there is no such commit or folder, or it is too old to have the package sakuin.
        """
        self.folder, self.home = folder, folder / "installed"
        source = folder / "source"
        self.title = checked_out(name, source)
        if not (source / "sakuin" / "api.py").exists():
            raise Incomparable(f"{self.title} is older than the package `sakuin`; name a later commit.")
        install(source, self.home)
        self._probe: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-P", str(PROBE), str(self.home)]
        self._probe = subprocess.Popen(
            command, env=self._environment(), cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *exception: object) -> None:
        if self._probe:
            self._probe.communicate()

    def ask(self, **request: Any) -> float:
        """What the probe measured, in seconds.

        Raises:
            click.ClickException: the probe has ended; what it said of that stands above.
        """
        assert self._probe is not None
        assert self._probe.stdin is not None
        assert self._probe.stdout is not None
        self._probe.stdin.write(json.dumps(request) + "\n")
        self._probe.stdin.flush()
        answer = self._probe.stdout.readline()
        if not answer:
            raise click.ClickException(f"{self.title} cannot do this: {request['do']}; its error stands above.")
        return float(json.loads(answer))

    def command(self, *arguments: str) -> Measured:
        """Run the command `index`.

        Raises:
            click.ClickException: it failed.
        """
        said = self.folder / "said.txt"
        started = time.perf_counter()
        with said.open("w", encoding="utf-8") as file:
            command = [sys.executable, "-P", "-m", "sakuin", *arguments]
            process = subprocess.Popen(command, env=self._environment(), cwd=self.folder, stdout=file, stderr=file)
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            text = said.read_text(encoding="utf-8")
            raise click.ClickException(f"{self.title}: `index {arguments[0]}` failed:\n{text}")
        return {"seconds": time.perf_counter() - started, "seconds of CPU": used.ru_utime + used.ru_stime}

    def _environment(self) -> dict[str, str]:
        return AS_INSTALLED | {"PYTHONPATH": str(self.home)}


@click.command()
@click.argument("a", required=False)
@click.argument("b", default=str(ROOT), required=False)
@click.option("--data", type=click.Path(path_type=Path), help="Folder of pair files [default: the example corpus].")
def main(a: str | None, b: str, data: Path | None) -> None:
    """Print how many times as fast B is as A."""
    try:
        compare(a or last_release(), b, data)
    except Incomparable as reason:
        print(f"Nothing was compared: {reason}")


def compare(a: str, b: str, data: Path | None) -> None:
    """Install both, and print a line for each measurement."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sides = [stack.enter_context(Side(name, folder / side)) for name, side in ((a, "a"), (b, "b"))]
        texts = distinct_passages(CORPUS + 2 * BATCH * (ENCODE_ROUNDS + 1), data)
        corpus, others = texts[:CORPUS], texts[CORPUS:]
        write_corpus(folder / "corpus", corpus)
        asked = asked_of(corpus, QUERIES * (SEARCH_ROUNDS + 1))
        print(f"A: {sides[0].title}\nB: {sides[1].title}\n{'':44}{'A':>10}{'B':>10}   B is as fast as A, times")

        def encode(dim: int, share: Sequence[str]) -> Callable[[Side, int], Measured]:
            return lambda side, turn: {
                "milliseconds": 1000 * side.ask(do="encode", texts=share[turn * BATCH : (turn + 1) * BATCH], dim=dim)
            }

        def build(side: Side, turn: int) -> Measured:
            return side.command("build", str(folder / "corpus"), "--index", str(side.folder / f"index-{turn}"))

        def search(side: Side, turn: int) -> Measured:
            queries = asked[turn * QUERIES : (turn + 1) * QUERIES]
            return {"milliseconds": 1000 * side.ask(do="search", index=str(side.folder / "index-0"), queries=queries)}

        def cold(side: Side, turn: int) -> Measured:
            took = side.command("search", asked[turn], "--index", str(side.folder / "index-0"))
            return {"seconds of CPU": took["seconds of CPU"]}

        for dim, share in ((1024, others[::2]), (256, others[1::2])):
            report(f"encode {BATCH:,} passages, {dim}", in_turns(sides, ENCODE_ROUNDS, encode(dim, share)))
        report(f"build {CORPUS:,} passages", in_turns(sides, BUILD_ROUNDS, build))
        report("search, median query", in_turns(sides, SEARCH_ROUNDS, search))
        report("search from a cold start", in_turns(sides, COLD_ROUNDS, cold))


def in_turns(
    sides: Sequence[Side], rounds: int, measure: Callable[[Side, int], Measured]
) -> dict[str, list[tuple[float, float]]]:
    """What A and B took in each round, by what was measured; round 0 warms up and is left out."""
    found: dict[str, list[tuple[float, float]]] = {}
    for turn in range(rounds + 1):
        order = (0, 1) if turn % 2 == 0 else (1, 0)
        took = {at: measure(sides[at], turn) for at in order}
        if turn:
            for name in took[0]:
                found.setdefault(name, []).append((took[0][name], took[1][name]))
    return found


def report(name: str, measured: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """Print medians, their ratio and its interval."""
    for unit, pairs in measured.items():
        ratio = times_as_fast(pairs)
        a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
        verdict = "faster" if ratio.low > 1 else "slower" if ratio.high < 1 else "no difference seen"
        label = f"{name}, {unit}"
        print(
            f"{label:44}{a:10.2f}{b:10.2f}{ratio.median:8.2f} ({ratio.low:.2f} to {ratio.high:.2f}) {verdict}",
            flush=True,
        )


def times_as_fast(pairs: Sequence[tuple[float, float]]) -> Ratio:
    """The median of the rounds' ratios A/B, with the interval of the sign test.

    The interval from the k-th smallest to the k-th largest ratio misses the true median with a probability of
    2 P(fewer than k heads in n tosses); k is the largest for which that is 5 % at most.

    Raises:
        ValueError: there are fewer than six rounds, of which there is no such interval.
    """
    ratios = sorted(a / b for a, b in pairs)
    tosses, below = len(ratios), 0.0
    for k in range(tosses // 2 + 1):
        below += math.comb(tosses, k) / 2**tosses
        if 2 * below > 1 - PROBABILITY:
            break
    if k == 0:
        raise ValueError(f"{tosses} rounds are too few for an interval of {PROBABILITY:.0%}")
    return Ratio(statistics.median(ratios), ratios[k - 1], ratios[-k])


def last_release() -> str:
    """The newest tag that is in this history, or else the newest commit that has results in this clone.

    Raises:
        Incomparable: there is neither, as in a clone without history.
    """
    tag = git(ROOT, "describe", "--tags", "--abbrev=0")
    if tag:
        return tag
    measured = [
        path.name
        for path in FOLDER.iterdir()
        if git(ROOT, "merge-base", "--is-ancestor", path.name, "HEAD") is not None
    ]
    if not measured:
        raise Incomparable("no tag and no commit of benchmarks/results is in the history of this clone.")
    newest = git(ROOT, "rev-list", "--no-walk=sorted", *measured)
    assert newest is not None
    return newest.splitlines()[0][:7]


def checked_out(name: str, folder: Path) -> str:
    """Write the files of a commit or of a clone's working tree to a folder, and return what to call it.

    Raises:
        Incomparable: there is no such thing.
    """
    folder.mkdir(parents=True)
    if Path(name).is_dir():
        files = git(Path(name), "ls-files", "--cached", "--others", "--exclude-standard")
        if files is None:
            raise Incomparable(f"the folder {name} is no clone.")
        for file in files.splitlines():
            source, target = Path(name, file), folder / file
            if source.exists() or source.is_symlink():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)
        return f"{git(Path(name), 'describe', '--always', '--dirty=, changed')} in {name}"
    commit = git(ROOT, "rev-parse", "--short=7", "--verify", f"{name}^{{commit}}")
    if commit is None:
        raise Incomparable(f"there is no commit {name} in the history of this clone, and no such folder.")
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="fully_trusted")
    return commit if name.startswith(commit) else f"{name} ({commit})"


def install(source: Path, home: Path) -> None:
    """Build a checkout and put it in a folder, with those of its dependencies that this environment lacks.

    Raises:
        click.ClickException: pip failed; what it said stands above.
    """
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(home)]
    isolation = ["--no-build-isolation"] if satisfied(Requirement("setuptools>=77")) else []
    commands = [[*pip, "--no-deps", *isolation, str(source)]]
    for at, command in enumerate(commands):
        if subprocess.run(command, stdout=subprocess.DEVNULL).returncode:
            raise click.ClickException(f"{source} could not be installed; pip's error stands above.")
        if at == 0:
            (own,) = (each for each in Distribution.discover(path=[str(home)]))
            lacking = [text for text in own.requires or [] if not satisfied(Requirement(text))]
            commands += [[*pip, *lacking]] if lacking else []


def satisfied(requirement: Requirement) -> bool:
    """Whether this environment has what is asked for, or it is asked for by an extra only."""
    if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
        return True
    try:
        return requirement.specifier.contains(version(requirement.name), prereleases=True)
    except PackageNotFoundError:
        return False


def git(folder: Path, *arguments: str) -> str | None:
    """What git says about a clone; None where it says no."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


if __name__ == "__main__":
    main()
