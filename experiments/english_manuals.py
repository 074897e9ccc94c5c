"""English sources of the packaged model out of Debian 12: `python -m experiments.english_manuals DEBS --out PAIRS`.

Titles and headings of manuals with the passages below them, passages with those that follow them, short descriptions
of packages with long ones, and the entries of a dictionary of computing. Five manuals are held out and make a set to
measure by. In an empty folder DEBS, on Debian 12:

  apt-get download $(python -m experiments.english_manuals --packages)
  curl -s https://deb.debian.org/debian/dists/bookworm/main/i18n/Translation-en.xz | xz -d > Translation-en

The rest takes some ten minutes; stopped half-way, the same command goes on.
"""

import gzip
import random
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import orjson

from sakuin.cli.running import run
from sakuin.errors import SakuinError
from sakuin.files import atomic_write
from sakuin.training.corpus_pairs import Pair, write_sources
from sakuin.training.pairs import read_pairs, write_pairs

MANUALS = {
    "apache2-doc": "Apache-2.0",
    "aptitude-doc-en": "GPL-2+",
    "cinder-doc": "Apache-2.0",
    "cmake-doc": "BSD-3-Clause",
    "debian-faq": "GPL-2+",
    "debian-handbook": "GPL-2+ or CC BY-SA 3.0",
    "debian-policy": "GPL-2+",
    "developers-reference": "GPL-2+",
    "erlang-doc": "Apache-2.0",
    "exim4-doc-html": "GPL-2+",
    "fai-doc": "GPL-2+",
    "gap-doc": "GPL-2+",
    "gimp-help-en": "GFDL-1.2+",
    "haproxy-doc": "GPL-2+",
    "harden-doc": "GPL-2",
    "installation-guide-amd64": "GPL-2",
    "ironic-doc": "Apache-2.0",
    "keystone-doc": "Apache-2.0",
    "kicad-doc-en": "GPL-3+ or CC BY 3.0",
    "libboost1.74-doc": "BSL-1.0",
    "lilypond-doc-html": "GFDL-1.3+",
    "linux-doc-6.1": "GPL-2",
    "mailman3-doc": "GPL-3",
    "maint-guide": "GPL-2+",
    "neutron-doc": "Apache-2.0",
    "nodejs-doc": "MIT",
    "nova-doc": "Apache-2.0",
    "octave-doc": "GPL-3+",
    "openmpi-doc": "BSD-3-Clause",
    "postgresql-doc-15": "PostgreSQL",
    "python-astropy-doc": "BSD-3-Clause",
    "python-biopython-doc": "Biopython (permissive)",
    "python-django-doc": "BSD-3-Clause",
    "python-flask-doc": "BSD-3-Clause",
    "python-pandas-doc": "BSD-3-Clause",
    "python-pyqtgraph-doc": "MIT",
    "python-scipy-doc": "BSD-3-Clause",
    "python-sklearn-doc": "BSD-3-Clause",
    "python-sqlalchemy-doc": "MIT",
    "python-sympy-doc": "BSD-3-Clause",
    "python3.11-doc": "PSF",
    "r-doc-html": "GPL-2",
    "rust-doc": "MIT or Apache-2.0",
    "slurm-wlm-doc": "GPL-2+",
    "sqlite3-doc": "public domain",
    "swi-prolog-doc": "BSD-2-Clause",
    "swift-doc": "Apache-2.0",
    "tomcat10-docs": "Apache-2.0",
}
"""Packages, and the licence of most of what stands in each."""

HELD_OUT = ("bind9-doc", "git-doc", "grass-doc", "maxima-doc", "python-skimage-doc")
DICTIONARY = "dict-foldoc"
TRANSLATION = "Translation-en"
# Other languages than English, pages of source code, and each item of Rust's library.
LEFT_OUT = re.compile(
    r"/_sources/|rust-doc/html/(std|core|alloc|proc_macro|test|src)/|debian-handbook/html/(?!en-US)"
    r"|installation-guide-amd64/(?!en/)"
)
MOST_TITLES, MOST_NEIGHBOURS = 4000, 700
ASKED, DISTRACTORS = 240, 900
CHARACTERS = 1200
COMMON = frozenset(
    "the of to and a in is that for it as with be by on are this or not can an if from you at will which".split()  # noqa: SIM905
)
# Of descriptions what says nothing of the software.
ABOUT_THE_PACKAGE = re.compile(
    r"(This package (contains|provides|includes|installs)|This is (a|the) (dummy|transitional|metapackage))"
)


def is_english(text: str) -> bool:
    """Whether a text is English prose: words as frequent as in English, and few other letters."""
    words = re.findall(r"[a-z']+", text.lower())
    common = sum(word in COMMON for word in words)
    return len(words) >= 6 and common >= 0.18 * len(words) and sum(map(str.isascii, text)) > 0.97 * len(text)


def pairs_of_manual(debs: Path, package: str) -> dict[str, list[Pair]]:
    """Pairs of a manual's English, in random order: of titles, and of neighbouring passages ("_next").

    Args:
        debs: Folder of the packages; what was read of them is kept in its folder ``pairs``.
        package: Name of the package.

    Returns:
        Pairs by the ending of their source's name.

    Raises:
        SakuinError: the package is not there, or cannot be read.
    """
    kept = debs / "pairs" / f"{package}.jsonl.zst"
    if not kept.with_name(f"{package}_next.jsonl.zst").is_file():  # What is written last.
        click.echo(f"Reading {package}", err=True)
        kept.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            unpack(debs, package, Path(folder))
            write_sources(Path(folder), kept)
    found = {}
    for ending in ("", "_next"):
        listed = read_pairs(kept.with_name(f"{package}{ending}.jsonl.zst"), cap=10**9)
        rows = [
            (query, passage)
            for query, passage in zip(listed.queries, listed.passages, strict=True)
            if is_english(passage) and re.search("[a-z]{3}", query.lower())
        ]
        random.Random(package).shuffle(rows)
        found[ending] = rows
    return found


def unpack(debs: Path, package: str, folder: Path) -> None:
    """Unpack the web pages and dictionaries of a package into a folder; raises SakuinError where it cannot be read."""
    archive = next(debs.glob(f"{package}_*.deb"), None)
    if archive is None:
        raise SakuinError(f"No package {package} in {debs}: see `python -m experiments.english_manuals --help`.")
    with tempfile.TemporaryFile() as unpacked:
        if subprocess.run(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=unpacked, check=False).returncode:
            raise SakuinError(f"{archive} cannot be unpacked: fetch it again.")
        unpacked.seek(0)
        with tarfile.open(fileobj=unpacked) as files:
            for file in files:
                wanted = file.isfile() and file.name.endswith((".html", ".htm", ".dict.dz"))
                if wanted and not LEFT_OUT.search(file.name):
                    files.extract(file, folder, filter="data")


def descriptions(path: Path) -> Iterator[Pair]:
    """Short and long descriptions of packages, from apt's file of them."""
    if not path.is_file():
        raise SakuinError(f"No {path}: see `python -m experiments.english_manuals --help`.")
    seen: set[str] = set()
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        if found := re.search(r"^Description-en: (.*)\n((?: .*\n?)+)", block, re.MULTILINE):
            short = found[1].strip()
            paragraphs = (" ".join(part.split()) for part in re.split(r"\n \.\n", found[2]))
            long = "\n".join(part for part in paragraphs if not ABOUT_THE_PACKAGE.match(part)).strip()
            if len(long) >= 80 and seen.isdisjoint({short, long[:150]}):
                seen |= {short, long[:150]}
                yield short, long[:CHARACTERS]


def entries(debs: Path) -> Iterator[Pair]:
    """Headwords of the dictionary of computing with their explanations."""
    with tempfile.TemporaryDirectory() as folder:
        unpack(debs, DICTIONARY, Path(folder))
        text = gzip.decompress(next(Path(folder).rglob("*.dict.dz")).read_bytes()).decode(errors="replace")
    for entry in re.split(r"\n(?=\S)", text):
        head, _, body = entry.partition("\n")
        body = " ".join(body.split())
        if len(body) > 60 and 1 < len(head.strip()) < 80:
            yield head.strip(), body[:CHARACTERS]


def write_task(debs: Path, folder: Path) -> tuple[int, int]:
    """Write the set of the manuals held out: names of passages find them, which do not hold these names as a line.

    Returns:
        How many queries and passages it has.
    """
    number: dict[str, int] = {}
    asked: dict[str, list[str]] = {}
    for package in HELD_OUT:
        rows = pairs_of_manual(debs, package)[""]
        names = dict.fromkeys([*dict.fromkeys(name for name, _ in rows)][:ASKED])
        answers = [row for row in rows if row[0] in names]
        for _, passage in [*answers, *rows[:DISTRACTORS]]:
            number.setdefault(passage, len(number))
        for name, passage in answers:
            asked.setdefault(name, []).append(str(number[passage]))
    corpus = ({"docid": str(n), "title": "", "text": text} for text, n in number.items())
    queries = ({"query": name, "relevant_docs": answers} for name, answers in asked.items())
    for kind, lines in (("corpus", corpus), ("queries", queries)):
        with atomic_write(folder / f"debdoc_en_retrieval_{kind}.jsonl") as part:
            part.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    return len(asked), len(number)


@click.command(help=__doc__)
@click.argument("debs", type=click.Path(path_type=Path, exists=True, file_okay=False), required=False)
@click.option("--out", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder of pair files.")
@click.option(
    "--held-out", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder of tasks to measure by."
)
@click.option("--packages", is_flag=True, help="Print the names of the packages.")
def main(debs: Path | None, out: Path | None, held_out: Path | None, packages: bool) -> None:
    """See the module."""
    if packages:
        click.echo(" ".join([*MANUALS, *HELD_OUT, DICTIONARY]))
    elif debs is None or not (out or held_out):
        raise click.UsageError("Name the folder of the packages, and --out or --held-out.")
    if debs and out:
        manuals = [pairs_of_manual(debs, package) for package in MANUALS]
        sources = {
            "debdoc_en": (row for manual in manuals for row in manual[""][:MOST_TITLES]),
            "debdoc_next_en": (row for manual in manuals for row in manual["_next"][:MOST_NEIGHBOURS]),
            "debian_description_en": descriptions(debs / TRANSLATION),
            "foldoc_en": entries(debs),
        }
        for name, pairs in sources.items():
            rows = [*dict.fromkeys(pairs)]
            random.Random(name).shuffle(rows)
            click.echo(f"{write_pairs(rows, out / f'{name}.jsonl.zst')} pairs written to {out / name}")
    if debs and held_out:
        asked, passages = write_task(debs, held_out)
        click.echo(f"debdoc_en: {asked} queries, {passages} passages")


if __name__ == "__main__":
    run(main, "python -m experiments.english_manuals", interrupted="The same command goes on with the next manual.")
