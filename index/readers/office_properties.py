"""What office files say of themselves: title, author, dates."""

import io

from sakuin.index.documents import MetadataValue
from sakuin.index.readers.dates import iso_date
from sakuin.index.readers.language import declared
from sakuin.index.readers.package import Package, local
from sakuin.index.readers.plain import one_line
from sakuin.index.readers.titles import good_title

_NAMES = {
    "creator": "author",
    "subject": "subject",
    "keywords": "keywords",
    "description": "description",
    "category": "category",
    "lastModifiedBy": "modified_by",
    "created": "created",
    "modified": "modified",
    "language": "language",
}
_DATES = ("created", "modified")


def _kept(found: dict[str, MetadataValue], name: str, text: str) -> None:
    """Keep what a file says under a name of its own, if it is of a kind that people ask for."""
    known = _NAMES.get(name)
    if known in _DATES:
        text = iso_date(text)
    elif known == "language":
        text = declared(text)
    if known and text:
        found.setdefault(known, text)


def properties_of_opendocument(package: Package) -> tuple[str, dict[str, MetadataValue]]:
    """The title and metadata of an OpenDocument file, as `properties_of`."""
    try:
        root = package.xml("meta.xml")
    except Exception:  # a damaged part that nobody sees
        root = None
    title = ""
    found: dict[str, MetadataValue] = {}
    for element in () if root is None else root.iter():
        name, text = local(element), one_line(element.text or "", 1000)
        if name == "title":
            title = good_title(text)
        # The creator is who saved the file last, the date when.
        _kept(found, {"initial-creator": "creator", "creator": "lastModifiedBy", "creation-date": "created",
                      "date": "modified", "keyword": "keywords"}.get(name, name), text)  # fmt: skip
    return title, found


def properties_of_ole(data: bytes) -> tuple[str, dict[str, MetadataValue]]:
    """The title and metadata of a file of the old kind (xls, doc, ppt), as `properties_of`."""
    import olefile

    found: dict[str, MetadataValue] = {}
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            said = file.get_metadata()
        coding = f"cp{said.codepage}" if said.codepage and said.codepage != 65001 else "utf-8"

        def text(value: object) -> str:
            return one_line(value.decode(coding, "replace") if isinstance(value, bytes) else value or "", 1000)

        title = good_title(text(said.title))
        for name, value in (
            ("creator", said.author), ("subject", said.subject), ("keywords", said.keywords),
            ("lastModifiedBy", said.last_saved_by), ("created", said.create_time), ("modified", said.last_saved_time),
        ):  # fmt: skip
            _kept(found, name, text(value))
    except Exception:  # damaged properties, which nobody sees
        return "", {}
    return title, found


def properties_of(package: Package) -> tuple[str, dict[str, MetadataValue]]:
    """The title and metadata of an OOXML package; whatever is wrong with them, the document is not."""
    related = package.related("")
    part = next((each.target for each in related.values() if each.kind == "core-properties"), "docProps/core.xml")
    try:
        root = package.xml(part)
    except Exception:  # a damaged part that nobody sees
        root = None
    title = ""
    metadata: dict[str, MetadataValue] = {}
    for element in () if root is None else root.iterchildren():
        name, text = local(element), one_line(element.text or "", 1000)
        if name == "title":
            title = good_title(text)
        else:
            _kept(metadata, name, text)
    return title, metadata
