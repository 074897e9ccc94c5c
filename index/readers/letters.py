"""A mail, from whatever kind of file: its document, and those of what is attached to it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sakuin.index.documents import Document, MetadataValue, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.html import append_markup
from sakuin.index.readers.language import detected
from sakuin.index.readers.names import FreeNames
from sakuin.index.readers.plain import TextBuilder, one_line, require_text
from sakuin.index.readers.reading import read_source
from sakuin.index.readers.source import MEMBER, Source
from sakuin.index.readers.titles import title_of

_SHOWN_ADDRESSES = 10
_MUCH_SHORTER = 0.5
"""A plain text that is so much shorter than the page beside it only says that there is one."""


@dataclass(slots=True)
class Attachment:
    """A file in a mail: its name and its bytes."""

    name: str
    data: bytes


@dataclass(slots=True)
class Letter:
    """A mail.

    Attributes:
        subject: One line.
        sender, to, cc: Names and addresses as they are shown.
        date: When it was sent, as ISO 8601 has it; "" where it does not say.
        bodies: Its texts, in order: (plain text, HTML) of each, "" for the one that is not there.
        attachments: What is attached.
        left_out: Parts that could not be read.
    """

    subject: str = ""
    sender: str = ""
    to: list[str] = field(default_factory=list)
    cc: list[str] = field(default_factory=list)
    date: str = ""
    bodies: list[tuple[str, str]] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    left_out: list[Skipped] = field(default_factory=list)


def read_letter(letter: Letter, source: Source, uri: str) -> Iterator[Document | Skipped]:
    """Yield the document of a mail and those of its attachments, ``uri!/name``.

    Args:
        letter: What was found in it.
        source: The file it was found in.
        uri: Its own name.

    Raises:
        ReadError: If there is nothing in it.
    """
    try:
        yield _document(letter, uri)
    except ReadError as error:
        if not letter.attachments:
            raise
        letter.left_out.append(Skipped(uri, error.reason))
    yield from letter.left_out
    names = FreeNames()
    for attachment in letter.attachments:
        name = names.take(one_line(attachment.name) or "attachment")
        try:
            source.take_member()
            source.take_bytes(len(attachment.data))
            yield from read_source(source.member(name, attachment.data, uri))
        except ReadError as error:
            yield Skipped(f"{uri}{MEMBER}{name}", error.reason)


def _document(letter: Letter, uri: str) -> Document:
    builder = TextBuilder()
    # What a mail program shows above a mail is looked for too.
    shown = {"From": letter.sender, "To": _some(letter.to), "Cc": _some(letter.cc)}
    builder.add("\n".join(f"{name}: {value}" for name, value in shown.items() if value))
    for plain, markup in letter.bodies:
        page = TextBuilder()
        if markup:
            append_markup(page, markup)
        if plain.strip() and len(plain) >= _MUCH_SHORTER * len(page.text()):
            builder.add(plain)
        elif markup:
            append_markup(builder, markup)
    names = [one_line(each.name) for each in letter.attachments if each.name]
    builder.add("\n".join(names))
    text = require_text(builder.text() or letter.subject)
    metadata: dict[str, MetadataValue] = {}
    for name, value in (
        ("author", letter.sender),
        ("from", letter.sender),
        ("to", letter.to),
        ("cc", letter.cc),
        ("created", letter.date),
    ):
        if value:
            metadata[name] = list(value) if isinstance(value, list) else value
    if names:
        metadata["attachments"] = list(names)
    if language := detected(text):
        metadata["language"] = language
    return Document(
        id=uri,
        title=one_line(letter.subject) or title_of(uri, heading=builder.first_heading()),
        text=text,
        headings=builder.headings(),
        metadata=metadata,
    )


def _some(addresses: list[str]) -> str:
    more = "…" if len(addresses) > _SHOWN_ADDRESSES else ""
    return ", ".join(addresses[:_SHOWN_ADDRESSES]) + more
