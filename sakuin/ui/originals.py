"""The files that documents were read from, for a tab of the browser: shown where that is safe, otherwise to be saved.

They come from the address of the pages, and anybody may have written them. So a page of HTML is shown in a sandbox: it
belongs to no site, runs nothing, and loads nothing from anywhere. Text comes as text. What no browser shows is saved.
"""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path, PurePath
from urllib.parse import quote, urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from sakuin.errors import SakuinError
from sakuin.index.errors import ReadError
from sakuin.index.file_types import READERS
from sakuin.index.originals import Original, open_original
from sakuin.index.readers.encoding import decode
from sakuin.index.readers.html import declared_charset
from sakuin.ui.clusters import folder_of
from sakuin.ui.words import Language, Words

PATH = "/original"

PDF = "application/pdf"
SHOWN = {
    ".pdf": PDF,
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
}
"""What browsers show, by suffix; text besides."""

AS_TEXT = frozenset({"text", "markdown", "data", "json_lines", "xml", "subtitles"})
"""Readers of files that are shown as they are written."""

MOST_TEXT = 32_000_000
"""Bytes of a text that is shown: browsers become slow with more."""

SANDBOX = "; ".join(
    (
        "sandbox",
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "font-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
# No browser shows a PDF in a sandbox; one has a reader of its own that knows nothing of the site.
OF_PDF = "frame-ancestors 'none'"

ERROR = """<!doctype html>
<html lang="{language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>sakuin</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px system-ui, sans-serif; margin: 20vh auto; width: min(34rem, 90vw); overflow-wrap: anywhere }}
</style>
<h1>{title}</h1><p role="alert"><bdi>{told}</bdi></p></html>"""

_served: list[Path] = []


def routes(folders: Sequence[Path], hosts: Sequence[str] = ()) -> list[Route]:
    """The route by which files are given out, of the documents of some indexes.

    Args:
        folders: Of the indexes.
        hosts: Names by which browsers may call this machine, where nobody is asked for a password: a page elsewhere
            that gives this machine its own name must not read files. None for any.
    """
    _served[:] = [folder.resolve() for folder in folders]

    async def answer(request: Request) -> Response:
        if hosts and name_called(request) not in hosts:
            return refused(request, words_for(request)("original_elsewhere"), 403)
        number, document_id = request.query_params.get("index", ""), request.query_params.get("id", "")
        if not number.isdecimal() or len(number) > 5 or int(number) >= len(_served):
            return refused(request, words_for(request)("no_such_document", uri=document_id), 404)
        try:
            return await run_in_threadpool(given, _served[int(number)], document_id)
        except SakuinError as error:
            return refused(request, words_for(request).error(error), 404)

    return [Route(PATH, answer)]


def address_of(folder: Path, document_id: str, position: Mapping[str, int | str] | None = None) -> str | None:
    """Where a browser gets the file of a document, at the page of a position; None where files are not given out.

    Args:
        folder: Of the index, or cluster.
        document_id: Of the document.
        position: Of a passage in the file.
    """
    folder = folder.resolve()
    if folder not in _served:
        return None
    # What a file system's name has that is no text is in the id as well, and nothing of an address.
    try:
        query = urlencode({"index": _served.index(folder), "id": document_id})
    except UnicodeEncodeError:
        return None
    page = (position or {}).get("page")
    return f"{PATH}?{query}{f'#page={page}' if isinstance(page, int) else ''}"


def is_shown(name: str) -> bool:
    """Whether a browser shows a file of a name, and does not save it."""
    suffix = PurePath(name).suffix.lower()
    return suffix in SHOWN or READERS.get(suffix, "text") in {*AS_TEXT, "html"}


def given(folder: Path, document_id: str) -> Response:
    """The file of a document of an index, or cluster.

    Raises:
        OriginalError: it cannot be given, see `open_original`.
        IndexFolderError: the index cannot be read.
    """
    original = open_original(folder_of(folder, document_id), document_id)
    suffix = PurePath(original.name).suffix.lower()
    if suffix in SHOWN:
        return sent(original, SHOWN[suffix])
    if not is_shown(original.name) or original.size > MOST_TEXT:
        return sent(original, None)
    with original.file:
        data = original.file.read(original.size)
    is_page = READERS.get(suffix) == "html"
    try:
        text, _ = decode(data, declared_charset(data) if is_page else None)
    except ReadError:
        # It was text when the index read it.
        return Response(data, media_type="application/octet-stream", headers=headers_of(original, None))
    kind = "text/html" if is_page else "text/plain"
    return Response(
        text.encode("utf-8", "replace"), media_type=f"{kind}; charset=utf-8", headers=headers_of(original, kind)
    )


def sent(original: Original, kind: str | None) -> Response:
    """A file as it is, by its media type; None for one that is to be saved."""
    if kind == PDF:
        begin = original.file.read(1024)
        original.file.seek(0)
        kind = PDF if b"%PDF-" in begin else None
    headers = {**headers_of(original, kind), "Content-Length": str(original.size)}
    return StreamingResponse(original.chunks(), media_type=kind or "application/octet-stream", headers=headers)


def headers_of(original: Original, kind: str | None) -> dict[str, str]:
    """What a browser may do with a file of a media type; None for one that is to be saved."""
    name = quote(original.name.encode("utf-8", "surrogateescape"), safe="")
    return {
        "Content-Disposition": f"{'inline' if kind else 'attachment'}; filename*=UTF-8''{name}",
        "Content-Security-Policy": OF_PDF if kind == PDF else SANDBOX,
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }


def name_called(request: Request) -> str | None:
    """The name by which a browser calls this machine; None where it is none."""
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname
    except ValueError:
        return None


def words_for(request: Request) -> Words:
    """Words in the language that a browser prefers."""
    language: Language = "ja" if request.headers.get("accept-language", "").lower().startswith("ja") else "en"
    return Words(language)


def refused(request: Request, told: str, status: int) -> Response:
    """A page that says why there is no file."""
    words = words_for(request)
    text = ERROR.format(language=words.language, title=escape(words("error_title")), told=escape(told))
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})
