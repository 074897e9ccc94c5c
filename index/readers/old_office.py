"""Word and PowerPoint files of the old kind (.doc, .ppt): converted by LibreOffice, where it is installed."""

import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.content import HEAD_BYTES, reader_by_content
from sakuin.index.readers.files import load_bytes
from sakuin.index.readers.office_properties import properties_of_ole
from sakuin.index.readers.plain import one_line
from sakuin.index.readers.reading import read_source
from sakuin.index.readers.source import Source
from sakuin.index.reasons import Reason

MAX_SECONDS = 120
_PROGRAMS = (
    "soffice", "libreoffice",
    # Where installers put it without naming it to the shell.
    "/Applications/LibreOffice.app/Contents/MacOS/soffice",
    r"C:\Program Files\LibreOffice\program\soffice.exe",
    r"C:\Program Files (x86)\LibreOffice\program\soffice.exe",
)  # fmt: skip
_OLE = b"\xd0\xcf\x11\xe0"
# The streams by which the kinds are told apart, what reads them, and what they are converted to.
_KINDS = (
    ("WordDocument", "Word", ".doc", ".docx"),
    ("PowerPoint Document", "PowerPoint", ".ppt", ".pptx"),
    ("Workbook", "", "sheets", ""),
    ("Book", "", "sheets", ""),
    ("__properties_version1.0", "", "outlook", ""),
)


def read(source: Source) -> Iterator[Document | Skipped]:
    """Read a file of the old kind by what is in it: also rich text and pages that are only called .doc.

    Raises:
        ReadError: If it is none, or LibreOffice is not there or cannot convert it.
    """
    data = load_bytes(source)
    if not data.startswith(_OLE):
        module = "rtf" if data.lstrip().startswith(b"{\\rtf") else reader_by_content(data[:HEAD_BYTES])
        if module is None or module == "old_office":
            raise ReadError(Reason("binary"))
        yield from import_module(f"sakuin.index.readers.{module}").read(source)
        return
    _, kind, suffix, to = _kind(data)
    if not kind:
        yield from import_module(f"sakuin.index.readers.{suffix}").read(source)
        return
    # A worker is ended in time, and with it what the program has started; nobody else ends that.
    seconds = None if source.allowance.deadline else MAX_SECONDS
    converted = _converted(data, kind, suffix, to, seconds=seconds)
    title, metadata = properties_of_ole(data)
    for item in read_source(
        Source(uri=f"{source.uri}{to}", data=converted, nesting=source.nesting, allowance=source.allowance)
    ):
        if isinstance(item, Skipped):
            yield Skipped(item.uri.replace(f"{source.uri}{to}", source.uri, 1), item.reason)
        else:
            yield replace(item, id=source.uri, uri=source.uri, title=title or item.title, metadata=metadata)


def _kind(data: bytes) -> tuple[str, str, str, str]:
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            for kind in _KINDS:
                if file.exists(kind[0]):
                    return kind
            encrypted = file.exists("EncryptedPackage")
    except Exception as error:  # a damaged file shows in many ways
        raise ReadError(Reason("not_office", {"type": "Office", "detail": one_line(error)})) from error
    if encrypted:
        raise ReadError(Reason("encrypted_office", {"type": "Office", "suffix": ".docx"}))
    raise ReadError(Reason("binary"))


def _converted(data: bytes, kind: str, suffix: str, to: str, *, seconds: float | None) -> bytes:
    """The file as LibreOffice saves it in the new kind, with a profile of its own and no macros run."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        raise ReadError(Reason("needs_libreoffice", {"type": kind, "suffix": to}))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder, f"file{suffix}")
        path.write_bytes(data)
        command = [program, f"-env:UserInstallation={Path(folder, 'profile').as_uri()}", "--headless", "--norestore",
                   "--convert-to", to[1:], "--outdir", folder, str(path)]  # fmt: skip
        try:
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=seconds,
                check=True,
                env={**os.environ, "HOME": folder},
            )
            return path.with_suffix(to).read_bytes()
        except (subprocess.SubprocessError, OSError) as error:
            raise ReadError(Reason("not_converted", {"type": kind, "suffix": to})) from error
