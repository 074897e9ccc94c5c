"""Office files that are zip archives of XML: OOXML (docx, pptx), OpenDocument, EPUB.

Only the parts that hold text are unpacked, each as it is asked for, and all together are bounded. What is named and
not there, such as a picture that was taken out, is nothing to refuse a file for.
"""

import posixpath
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote

from sakuin.index.errors import ReadError
from sakuin.index.readers.files import file_size, os_detail, require_loadable
from sakuin.index.readers.plain import one_line
from sakuin.index.readers.source import Source
from sakuin.index.reasons import Reason

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

MAX_UNPACKED_BYTES = 200 * 1024 * 1024
MAX_RATIO = 100
"""How many times larger than its file the text of an office file may become, if that is not little anyway."""

_LITTLE = 20 * 1024 * 1024
_CHUNK = 1024 * 1024
_OLE = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True)
class Relationship:
    """What a part of a package refers to.

    Attributes:
        kind: The last word of its type, such as "header".
        target: The name of the other part in the package; an address where it is ``external``.
        external: Whether it lies outside.
    """

    kind: str
    target: str
    external: bool


class Package:
    """The parts of an office file."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        """Read from an open archive of ``size`` bytes."""
        self._archive = archive
        self._size = size
        self._unpacked = 0
        self._counted: set[str] = set()
        # Names are compared without regard to case, and some programs write the separators of Windows.
        self._members = {_key(member.filename): member for member in archive.infolist()}

    def names(self) -> list[str]:
        """The names of all parts, as they stand in the archive."""
        return [member.filename for member in self._members.values()]

    def has(self, name: str) -> bool:
        """Whether there is a part of that name."""
        return _key(name) in self._members

    def size(self, name: str) -> int:
        """How many bytes a part says it has; 0 where there is none of that name."""
        member = self._members.get(_key(name))
        return member.file_size if member else 0

    def read(self, name: str) -> bytes | None:
        """The bytes of a part, or None where there is none of that name. Read again, it counts no more.

        Raises:
            ReadError: If what was unpacked is larger than allowed, as declared or in truth.
        """
        member = self._members.get(_key(name))
        if member is None or member.is_dir():
            return None
        again = _key(name) in self._counted
        self._refuse_size(0 if again else member.file_size)
        chunks: list[bytes] = []
        with self._archive.open(member) as file:
            while chunk := file.read(_CHUNK):
                self._unpacked += 0 if again else len(chunk)
                self._refuse_size(0)
                chunks.append(chunk)
        self._counted.add(_key(name))
        return b"".join(chunks)

    def xml(self, name: str) -> "Element | None":
        """The root of a part, or None where there is none of that name; raises what lxml raises for bad XML."""
        data = self.read(name)
        return None if data is None else parse_xml(data)

    def refuse_bomb(self) -> None:
        """Look at what all parts together say they unpack to, before a library unpacks them.

        Raises:
            ReadError: If that is too much.
        """
        self._refuse_size(sum(member.file_size for member in self._members.values()))

    def main_part(self, usual: str) -> str:
        """The part that the package is about: that which it names, or the one of the usual name."""
        named = [each.target for each in self.related("").values() if each.kind == "officeDocument"]
        return next((target for target in reversed(named) if self.has(target)), usual)

    def related(self, name: str) -> dict[str, Relationship]:
        """What a part ("" for the package) refers to, by the ids it uses."""
        folder, _, base = name.rpartition("/")
        root = self.xml(posixpath.join(folder, "_rels", f"{base}.rels"))
        if root is None:
            return {}
        return {
            each.get("Id", ""): _relationship(
                each.get("Type", ""), each.get("Target", ""), each.get("TargetMode"), folder
            )
            for each in root.iterchildren()
        }

    def _refuse_size(self, more: int) -> None:
        unpacked = self._unpacked + more
        if unpacked > MAX_UNPACKED_BYTES or (unpacked > _LITTLE and unpacked > MAX_RATIO * self._size):
            raise ReadError(Reason("unpacks_too_large", {"megabytes": round(unpacked / 1024 / 1024)}))


@contextmanager
def open_package(source: Source, kind: str, suffix: str) -> Iterator[Package]:
    """Open an office file; what goes wrong inside of the block is a reason too.

    Args:
        source: The file.
        kind: What people call such a file, for the reason: "Word".
        suffix: What to save it as where it is encrypted or of the old kind.

    Raises:
        ReadError: If it is none, is encrypted or damaged, or would unpack to too much.
    """
    size = file_size(source)
    require_loadable(size)
    try:
        with source.open() as file:
            if file.read(len(_OLE)) == _OLE:
                raise ReadError(Reason("encrypted_office", {"type": kind, "suffix": suffix}))
            with _opened(file, kind) as archive:
                yield Package(archive, size)
    except (ReadError, MemoryError):
        raise
    except OSError as error:
        raise ReadError(Reason("cannot_read", {"detail": os_detail(error)})) from error
    except Exception as error:  # damaged archives and damaged XML show in many ways
        raise ReadError(Reason("damaged_office", {"type": kind, "detail": one_line(error)})) from error


def _opened(file: BinaryIO, kind: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise ReadError(Reason("not_office", {"type": kind, "detail": one_line(error)})) from error


def parse_xml(data: bytes) -> "Element":
    """Parse XML without looking at anything outside of it; nesting and lengths are bounded by the parser.

    What it declares itself to stand for something stands for it, as long as it does not grow without measure.
    """
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities="internal",
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    root = etree.fromstring(data, parser)
    return root


_LOCAL: dict[object, str] = {}


def local(element: "Element") -> str:
    """The name of an element without its namespace: those of one format come in a transitional and a strict one."""
    tag = element.tag
    name = _LOCAL.get(tag)
    if name is None:
        name = tag.rpartition("}")[2] if isinstance(tag, str) else ""
        if len(_LOCAL) < 10_000:  # a file may invent names without end
            _LOCAL[tag] = name
    return name


def attribute(element: "Element | None", name: str) -> str:
    """The value of an attribute, whatever its namespace; "" where there is none."""
    if element is not None:
        for key, value in element.items():
            if key == name or key.endswith("}" + name):
                return str(value)
    return ""


def child(element: "Element | None", *path: str) -> "Element | None":
    """The first element at the end of a path of names, or None."""
    for name in path:
        if element is None:
            return None
        for each in element:
            if local(each) == name:
                element = each
                break
        else:
            return None
    return element


def first_child(element: "Element", name: str) -> "Element | None":
    """The first element in an element, if it is of that name: where properties stand, without a look at the rest."""
    return element[0] if len(element) and local(element[0]) == name else None


def children(element: "Element | None", name: str) -> "list[Element]":
    """The elements of a name directly in an element."""
    return [] if element is None else [each for each in element.iterchildren() if local(each) == name]


def _key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def _relationship(kind: str, target: str, mode: str | None, folder: str) -> Relationship:
    external = mode == "External"
    if not external:
        path = unquote(target).replace("\\", "/")
        target = path.lstrip("/") if path.startswith("/") else posixpath.normpath(posixpath.join(folder, path))
    return Relationship(kind.rpartition("/")[2], target, external)
