"""What of a corpus is left out because somebody said so: patterns in gitignore's syntax, and a list that always holds.

Of all patterns that match a name the last one counts, as in git: first the default list, then each `.sakuinignore` from
the topmost folder downwards, then what a command was given. `!` takes back what one before it left out.
"""

import re
import stat
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from sakuin.index.errors import IndexFolderError
from sakuin.index.file_types import GENERATED
from sakuin.index.reasons import Reason

IGNORE_FILE = ".sakuinignore"
LARGEST_BYTES = 1_000_000

DEFAULT = ("~$*", "[Tt]humbs.db", ".DS_Store", "[Dd]esktop.ini", ".git", "node_modules/", *GENERATED)
"""What programs and systems leave beside documents, or make of others. The folders of saved web pages, and of what a
manual's pages were made of, are left out too, see below."""

PAGES = (".html", ".htm", ".xhtml")
_NO_SLASH, _ANY_FOLDERS = "[^/]", "(?:/.+)?/"
_ENDS = ("(?:(?P<ps_d>/)|$)", "(?P<ps_d>/)", "$")
_FEW = 2
"""Stars of a pattern that cost little as pathspec writes them."""

_FILES_OF_PAGE = re.compile(r"(.+)(?:_files|\.files)")
_SOURCES = "_sources"
"""Where Sphinx puts a copy of what it made the pages beside it of: it would be found twice, once with its markup."""

_DEFAULT, _IGNORE_FILE, _OPTION = "excluded_by_default", "excluded_by_file", "excluded_by_option"
CODES = (_DEFAULT, _IGNORE_FILE, _OPTION, "excluded_with_page", "excluded_sources")
"""Of the reasons for leaving out what is not to be read: it is no fault of the file."""


def is_excluded(reason: Reason | None) -> bool:
    """Whether a file was left out because it is not to be read."""
    return reason is not None and reason.code in CODES


@dataclass(frozen=True, slots=True)
class Patterns:
    """Patterns from one place.

    Attributes:
        spec: Made of ``lines``.
        lines: As they were written; none is empty.
        base: The folder that they are relative to, relative to the topmost one: "" or "a/b/".
        code: Of the reason that they give.
        file: The name of the file they are from, "" for none.
    """

    spec: GitIgnoreSpec
    lines: Sequence[str]
    base: str
    code: str
    file: str = ""

    @classmethod
    def of(cls, lines: Sequence[str], *, base: str, code: str, file: str = "") -> "Patterns":
        """Patterns of lines; raises ValueError where one is none."""
        lines = [unicodedata.normalize("NFC", line) for line in lines if line.strip()]
        patterns = [GitIgnoreSpecPattern(line) for line in lines]
        for pattern in patterns:
            if (
                pattern.regex is not None
                and pattern.regex.pattern.count("*") + pattern.regex.pattern.count(".+") > _FEW
            ):
                pattern.regex = re.compile(_linear(pattern.regex.pattern))
        return cls(GitIgnoreSpec(patterns, backend="simple"), lines, base, code, file)

    def reason(self, name: str) -> Reason | bool | None:
        """Why a name is left out; False where it is not to be, None where no pattern matches.

        Args:
            name: Relative to the topmost folder; that of a folder ends with a slash.
        """
        result = self.spec.check_file(name[len(self.base) :])
        if not result.include:
            return result.include
        data: dict[str, str] = {"pattern": self.lines[result.index or 0].strip()}
        return Reason(self.code, data | {"file": self.file} if self.file else data)


@dataclass(frozen=True, slots=True)
class Rules:
    """All patterns that hold in a folder: those of the command, and others, the last one first."""

    option: Patterns | None
    others: tuple[Patterns, ...]

    @classmethod
    def of(cls, exclude: Sequence[str], base: str) -> "Rules":
        """The rules at the top.

        Args:
            exclude: Patterns that a command was given.
            base: The folder that is read, relative to the topmost one of which a `.sakuinignore` holds.

        Raises:
            IndexFolderError: one of them is no pattern.
        """
        try:
            option = Patterns.of(exclude, base=base, code=_OPTION) if exclude else None
        except ValueError as error:
            raise IndexFolderError(
                f"One of the patterns {', '.join(map(repr, exclude))} is none that gitignore knows ({error}). Nothing "
                f"was changed."
            ) from error
        return cls(option, (Patterns.of(DEFAULT, base=base, code=_DEFAULT),))

    def with_file(self, folder: Path, name: str) -> tuple["Rules", Reason | None]:
        """These and those of a folder's `.sakuinignore`, if it has one; and why not all of that could be used.

        Args:
            folder: The folder.
            name: Of the file, as the reasons are to give it.
        """
        base = name.removesuffix(IGNORE_FILE)
        try:
            lines = _lines_of(folder / IGNORE_FILE)
        except OSError as error:
            return self, Reason("cannot_read", {"detail": error.strerror or str(error)})
        bad = None
        try:
            patterns = Patterns.of(lines, base=base, code=_IGNORE_FILE, file=name)
        except ValueError:
            bad = next(line for line in lines if not _is_pattern(line))
            lines = [line for line in lines if _is_pattern(line)]
            patterns = Patterns.of(lines, base=base, code=_IGNORE_FILE, file=name)
        reason = Reason("bad_pattern", {"pattern": bad[:100]}) if bad is not None else None
        return Rules(self.option, (patterns, *self.others)), reason

    def reason(self, name: str, beside: frozenset[str]) -> Reason | None:
        """Why a file or folder is left out; None where it is not.

        Args:
            name: Relative to the topmost folder, composed (NFC); that of a folder ends with a slash.
            beside: Names of pages in the same folder, without their endings.
        """
        for patterns in (self.option, *self.others):
            if patterns is not None and (found := patterns.reason(name)) is not None:
                return found if isinstance(found, Reason) else None
        if beside and name.endswith("/"):
            own = name[:-1].rpartition("/")[2]
            if (match := _FILES_OF_PAGE.fullmatch(own)) and match[1] in beside:
                return Reason("excluded_with_page", {"page": match[1]})
            if own == _SOURCES:
                return Reason("excluded_sources")
        return None


def _linear(regex: str) -> str:
    """A pattern of pathspec's that matches the same in time that does not grow exponentially with its stars.

    What stands between two stars may be taken where it is found first: where that fails, all after it fails as well.
    So it never is looked for again (an atomic group).

    Args:
        regex: Of pathspec, in which `*` is ``[^/]*``, `?` is ``[^/]``, and `/**/` is ``(?:/.+)?/``.
    """
    begin = next(each for each in ("^(?:.+/)?", "^") if regex.startswith(each))
    end = next((each for each in _ENDS if regex.endswith(each)), "")
    parts = [_linear_part(each) for each in regex[len(begin) : len(regex) - len(end)].split(_ANY_FOLDERS)]
    if len(parts) > 1:
        first = "(?:.+?/)??" if begin != "^" else ""
        begin, parts[0] = "^", f"(?>{first}{parts[0]}(?=/))"
        parts[1:-1] = [f"(?>(?:/.+?)??/{part}(?=/))" for part in parts[1:-1]]
        return begin + "".join(parts[:-1]) + _ANY_FOLDERS + parts[-1] + end
    return begin + parts[0] + end


def _linear_part(regex: str) -> str:
    segments = regex.replace(_NO_SLASH, "\0").split("/")
    for number, segment in enumerate(segments):
        head, *chunks = segment.split("\0*")
        if len(chunks) > 1:
            stars = "".join(f"(?>\0*?{chunk})" for chunk in chunks[:-1])
            segments[number] = f"{head}{stars}\0*{chunks[-1]}"
    return "/".join(segments).replace("\0", _NO_SLASH)


def pages_in(names: Sequence[str]) -> frozenset[str]:
    """The names of web pages, without their endings."""
    return frozenset(name.rpartition(".")[0] for name in names if name.lower().endswith(PAGES))


def _lines_of(path: Path) -> list[str]:
    """The lines of a file of patterns; raises OSError."""
    state = path.stat()
    if not stat.S_ISREG(state.st_mode) or state.st_size > LARGEST_BYTES:
        raise OSError("not a file of patterns")
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return raw.decode("cp932", "replace").splitlines()


def _is_pattern(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True
