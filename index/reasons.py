"""Why a file, or a part of one, was left out: a code, its data, and the sentence they make."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sakuin.facts import Fact, Value
from sakuin.patterns import pattern

PARTS_KEPT = 3
"""Of the parts of one file that were left out: a table may have a million empty rows."""

_POSITION = pattern(r"(row|line|page|slide|message)=(\d+)")
_UNCLOSED = "a quotation mark in it is never closed, so the rows after it could not be told apart"


@dataclass(frozen=True, slots=True)
class Reason(Fact):
    """Why a file, or a part of one, was left out; one of each kind is equal to another with the same data.

    Attributes:
        parts: Of the code ``parts`` the first parts of the file that were left out, of ``no_good_line`` its first line.
    """

    SENTENCES: ClassVar[Mapping[str, str]] = {
        # A file that is found but not looked into.
        "unknown_type": "files of type {suffix} are not read",
        "no_suffix": "files without a suffix are read only if they are text",
        "link_elsewhere": "a link to a folder elsewhere, which is not entered: `index add` that folder, or move it "
        "here",
        "broken_link": "a link that cannot be followed ({detail})",
        "long_path": "its path is longer than this system allows: move it to a shorter one",
        # What is not to be read, see `index.excluding`.
        "excluded_by_default": "left out, as all of the name {pattern} are",
        "excluded_by_file": "left out by {pattern} in {file}",
        "excluded_by_option": "left out by --exclude {pattern}",
        "excluded_with_page": "left out, for it holds what was saved with the web page {page}",
        "excluded_sources": "left out, for it holds what the web pages beside it were made of; a line !_sources/ in "
        ".sakuinignore has it read",
        "bad_pattern": "{pattern} in it is no pattern that gitignore knows, and was passed over: mend or remove it",
        "same_file_name": "another file has the same name, in another encoding: rename one",
        "too_many_uploads": "more than {limit:,} files at once: add them from the command line",
        "upload_too_large": "larger than {limit:,} MB: add it from the command line",
        # Pictures of text.
        "picture": "a picture: OCR reads its text, with --ocr and tesseract installed",
        "needs_tesseract": "a picture of text: install tesseract and its languages (tesseract-ocr-jpn) for --ocr",
        "ocr_failed": "a picture that tesseract could not read: open it in another program and save it anew",
        "ocr_lacks_memory": "a picture for which OCR needs more memory than is left of {megabytes:,} MB: allow more "
        "with --max-memory",
        "pictures": "of {number:,} pictures in it text is not read: OCR reads it, with --ocr and tesseract installed",
        "too_many_pictures": "{number:,} of its pictures are too large or too many for OCR: save them as files",
        "no_text_seen": "a picture of a page, in which OCR finds no text",
        # A file of any type.
        "cannot_open": "cannot be opened: {detail}",
        "cannot_read": "cannot be read: {detail}",
        "not_a_file": "not a regular file",
        "changed": "the file changed while it was read",
        "empty": "the file is empty",
        "no_text": "there is no text in it",
        "minified": "minified for browsers: its lines have {characters:,} characters on average; to have it read, "
        "save a copy whose name ends with .txt",
        "too_large": "{megabytes:,} MB is too large (at most {limit:,} MB); split the file",
        "too_slow": "from here on nothing was read, for reading had taken {minutes:,} minutes; split the file",
        # Told by earlier versions.
        "too_slow_at": "at {percent} % of the file: from here on nothing was read, for reading had taken {minutes:,} "
        "minutes; split the file",
        "stopped": "from here on nothing was read, for reading takes more than {seconds:g} seconds: split the file, or "
        "allow more with --max-seconds",
        "stopped_at": "at {percent} % of the file: from here on nothing was read, for reading takes more than "
        "{seconds:g} seconds: split it, or allow more with --max-seconds",
        "interrupted": "only a part was read before an interruption; the next build reads the rest",
        "metadata_too_large": "it has {size:,} bytes of metadata, of which at most {limit:,} are taken",
        "same_document_name": "there is another document of the same name",
        "parts": "{parts}",
        "reader_failed": "could not be read: {detail}",
        # Archives and mails.
        "nested_archives": "more than {limit} archives or mails within each other: unpack it first",
        "too_many_members": "more than {limit:,} files in one archive: unpack it first",
        "unpacks_to_too_much": "unpacks to more than {limit:,} MB: unpack it first",
        "no_archive": "not an archive that can be opened: unpack it first",
        "damaged_archive": "a damaged archive: {detail}",
        "encrypted_member": "encrypted: unpack the archive with its password first",
        "no_mail": "not a mail: it has no headers",
        "too_large_mail": "a mail of more than {limit:,} MB",
        # What reading it took, see `index.readers.guarded`.
        "needs_too_much_memory": "reading it needs more than {megabytes:,} MB of memory: split it, or allow more with "
        "--max-memory",
        "needs_too_much_time": "reading it takes more than {seconds:g} seconds: split it, or allow more with "
        "--max-seconds",
        "reader_died": "the library that reads such files broke down over it ({detail}), perhaps because it needs more "
        "than {megabytes:,} MB of memory: save it anew, or allow more with --max-memory",
        # Its encoding.
        "binary": "looks like binary data, not text",
        "mixed_encodings": "two encodings in one file, or damaged UTF-8, near byte {byte:,}; save it anew as UTF-8",
        "wrong_byte_order_mark": "its byte order mark says {encoding}, but it is not: {detail} at {byte:,}",
        "unknown_encoding": "its encoding cannot be told for certain; save it anew as UTF-8",
        "utf16_json_lines": "it is in UTF-16, but JSON Lines are UTF-8; save it anew as UTF-8",
        # Tables.
        "no_rows": "there are no rows in it",
        "empty_row": "its text is empty",
        "unclosed_quote": _UNCLOSED,
        "long_cell": f"a cell or line of more than {{limit:,}} characters; probably {_UNCLOSED}",
        "wide_row": "a row of more than {limit:,} cells: split it",
        # JSON Lines.
        "no_good_line": "none of its lines is a document; the first: {parts}",
        "long_line": "more than {limit:,} MB in one line",
        "bad_json": "not valid JSON: {detail} at column {column}",
        "no_object": "not a JSON object, {{...}}",
        "empty_field": "its {field!r} is empty or not a text",
        "no_text_field": "it has no text; one of these fields must hold it: {fields}",
        "repeated_id": "the ID {id!r} is already taken by a line above",
        # Markdown and web pages.
        "nested_html": "its HTML has more than {limit:,} tags open at once; repair it first",
        "html_attributes": "a tag of its HTML has more than {limit:,} attributes; repair it first",
        "unclosed_tag": "its <{tag}> is never closed, which hides what follows as in a browser; close it",
        "nested_markdown": "its Markdown is nested too deeply",
        # PDF.
        "encrypted_pdf": "the PDF is encrypted: save a copy without a password",
        "broken_pdf": "not a PDF, or a broken one: open it in a PDF program and save it anew",
        "no_pages": "a PDF without a readable page: open it in a PDF program and save it anew",
        "scanned_pdf": "a scanned PDF without text: OCR reads it, with --ocr and tesseract installed",
        "unnamed_characters": "a PDF whose fonts do not say which characters they show: OCR reads it, with --ocr and "
        "tesseract installed",
        "scanned_page": "a picture of a page, without its text: OCR reads it, with --ocr and tesseract installed",
        "scanned_pages": "pictures of pages, without their text ({pages}): OCR reads them, with --ocr and tesseract "
        "installed",
        "unnamed_characters_page": "a page whose fonts do not say which characters they show: OCR reads it, with "
        "--ocr and tesseract installed",
        "some_unnamed_characters": "what some of its fonts show was left out, for they do not say which characters it "
        "is: OCR reads it, with --ocr and tesseract installed",
        "pdf_attachment": "a file attached to the PDF, which is not read: save it as a file of its own",
        "damaged_page": "damaged: {detail}",
        "too_many_pages": "this page and those after it are too many to be read",
        # Office files.
        "not_office": "not a {type} file, or a damaged one: {detail}",
        "damaged_office": "a damaged {type} file: {detail}",
        "encrypted_office": "an encrypted or old {type} file: save it as {suffix} without a password",
        "needs_libreoffice": "an old {type} file: install LibreOffice, or save it as {suffix}",
        "not_converted": "an old {type} file that LibreOffice could not convert: save it as {suffix}",
        "sheet_too_large": "a sheet of more than {limit:,} cells: split it",
        "unpacks_too_large": "unpacks to {megabytes:,} MB or more, which is too much for its size",
        "damaged_part": "damaged: {detail}",
    }

    EXPECTED: ClassVar[frozenset[str]] = frozenset({"unknown_type", "no_suffix", "picture", "minified"})
    """Codes of what stands beside documents everywhere."""

    parts: tuple["Part", ...] = ()

    @property
    def expected(self) -> bool:
        """Whether it tells of what nobody expects to be read, such as a picture beside a page."""
        return self.code in self.EXPECTED

    @classmethod
    def of_parts(cls, first: Sequence["Part"], number: int) -> "Reason | None":
        """The reason of a file of which not all was taken; None where nothing was left out.

        Args:
            first: Parts that were left out, those to be told first; ``PARTS_KEPT`` are kept.
            number: How many were left out in all.
        """
        return cls("parts", {"number": number}, tuple(first[:PARTS_KEPT])) if number else None

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "Reason":
        """The reason that `to_dict` gave.

        Raises:
            ValueError: it is not of that form, or has a code that is not known.
        """
        try:
            parts = tuple(Part(each["position"], cls.from_dict(each)) for each in value.get("parts", ()))
            return cls(value["code"], value["data"], parts)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no reason: {value!r}") from error

    @classmethod
    def from_json(cls, text: str) -> "Reason | None":
        """The reason that a text of `to_json` holds, None of an empty one; raises ValueError where it holds none."""
        return cls.from_dict(json.loads(text)) if text else None

    def to_json(self) -> str:
        """The reason as it is stored: without its sentence, which is made anew."""
        return json.dumps(self._bare(), ensure_ascii=False, separators=(",", ":"))

    def to_dict(self) -> dict[str, Any]:
        """``code``, ``data``, the English sentence as ``message``, and ``parts`` where it has some; ready for JSON."""
        value = Fact.to_dict(self)
        if self.parts:
            value["parts"] = [{"position": dict(part.position), **part.reason.to_dict()} for part in self.parts]
        return value

    def _bare(self) -> dict[str, Any]:
        value: dict[str, Any] = {"code": self.code, "data": dict(self.data)}
        if self.parts:
            value["parts"] = [{"position": dict(part.position), **part.reason._bare()} for part in self.parts]
        return value

    def __str__(self) -> str:
        sentences = [str(part) for part in self.parts]
        if self.code == "parts" and (more := int(self.data["number"] or 0) - len(sentences)) > 0:
            sentences.append(f"{more:,} more")
        return self.SENTENCES[self.code].format(**self.data, parts="; ".join(sentences))

    def __hash__(self) -> int:
        return hash((Fact.__hash__(self), self.parts))


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file that was left out.

    Attributes:
        position: Where it is: ``{"row": 3}``, or ``line`` or ``page``; ``{"name": "faq-1"}`` of a document that has a
            name of its own; empty where it is the file itself.
        reason: Why it was left out.
    """

    position: Mapping[str, Value]
    reason: Reason

    def __str__(self) -> str:
        place = " ".join(str(value) if name == "name" else f"{name} {value}" for name, value in self.position.items())
        return f"{place}: {self.reason}" if place else str(self.reason)

    def __hash__(self) -> int:
        return hash((tuple(self.position.items()), self.reason))


def position_in(file: str, uri: str) -> dict[str, Value]:
    """Where a part of a file is, by the name that its reader gave it.

    Args:
        file: Name of the file.
        uri: Name of the part, such as ``rows.csv#row=3``; that of the file for the file itself.

    Returns:
        As `Part.position`.
    """
    name = uri.removeprefix(file).removeprefix("#").removeprefix("!/")
    if match := _POSITION.fullmatch(name):
        return {match[1]: int(match[2])}
    return {"name": name} if name else {}
