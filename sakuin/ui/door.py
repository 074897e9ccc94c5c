"""What stands before the pages: headers that keep other sites out; a password or a login, where one is asked for."""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from html import escape
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sakuin.ui.login import LOGOUT, Login, logged_out
from sakuin.ui.words import Language, Words

COOKIE = "sakuin"
HEALTH = "/_stcore/health"
DAYS_KNOWN = 30
"""After so many days the password is asked for again."""

LONGEST_FORM = 4_096
SECONDS_AFTER_A_WRONG_ONE = 1.0
SECONDS_BETWEEN_LOOKS = 1.0
"""How long an open connection may go on before it is asked again whether somebody may be here."""

# Streamlit draws charts and components by scripts that it makes, and speaks over a socket to where it came from.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
POLICY_NAME = "Content-Security-Policy"
HEADERS = {
    POLICY_NAME: POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

FORM = """<!doctype html>
<html lang="{language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>sakuin</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px system-ui, sans-serif; display: grid; place-content: center; min-height: 90vh }}
form {{ display: grid; gap: .8rem; width: min(20rem, 90vw) }}
input, button {{ font: inherit; padding: .5rem }}
</style>
<form method="post"><h1>sakuin</h1><p>{title}</p>
<label>{label}<br><input type="password" name="password" autocomplete="current-password" autofocus required></label>
<button>{button}</button><p role="alert">{wrong}</p></form></html>"""


class Door:
    """Lets through who knows the password, by a cookie that is worth nothing once password or process are others.

    The file is read at each request, and with what goes over an open connection, so that a new password counts at once.
    """

    def __init__(self, app: ASGIApp, password_file: Path | None = None, login: Login | None = None) -> None:
        """Stand before an application.

        Args:
            app: What is behind.
            password_file: Its first line is the password; None to ask for none.
            login: Asks who somebody is, in place of a password; None for nobody.
        """
        self._app = app
        self._login = login
        self._file = password_file
        self._secret = secrets.token_bytes(32)
        self._wrong = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the app do so."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["path"] == HEALTH or self._knows(headers):
            if scope["type"] == "websocket":
                watched = Watched(receive, send, lambda: self._knows(headers))
                await self._app(scope, watched.receive, watched.send)
            elif self._login and scope["path"] == LOGOUT:
                await logged_out()(scope, receive, with_headers(send))
            else:
                await self._app(scope, receive, with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif self._login:
            await self._login(scope, receive, with_headers(send))
        else:
            answer = await self._ask(scope, receive)
            await answer(scope, receive, with_headers(send))

    async def _ask(self, scope: Scope, receive: Receive) -> Response:
        """The form, or the way on where the password was sent."""
        language: Language = "ja" if Headers(scope=scope).get("accept-language", "").lower().startswith("ja") else "en"
        if scope["method"] != "POST":
            return form(language)
        given = parse_qs((await body(receive)).decode("latin-1")).get("password", [""])[0].encode()
        if not hmac.compare_digest(given, self._password()) or not given:
            # One after the other, so that guessing takes time.
            async with self._wrong:
                await asyncio.sleep(SECONDS_AFTER_A_WRONG_ONE)
            return form(language, wrong=True)
        query = scope["query_string"].decode("latin-1")
        address = "/" + scope["path"].lstrip("/") + (f"?{query}" if query else "")
        answer = RedirectResponse(address, 303)
        until = int(time.time()) + DAYS_KNOWN * 86_400
        secure = scope["scheme"] == "https"
        answer.set_cookie(
            COOKIE, self._signed(until), max_age=DAYS_KNOWN * 86_400, httponly=True, samesite="strict", secure=secure
        )
        return answer

    def _knows(self, headers: Headers) -> bool:
        """Whether a request has the cookie of somebody who may come in, where anybody is asked for one."""
        if self._login:
            return self._login.knows(headers)
        if self._file is None:
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        until = cookie.value.partition(".")[0] if cookie else ""
        if not cookie or not until.isdecimal() or len(until) > 12 or int(until) < time.time():
            return False
        return hmac.compare_digest(cookie.value.encode(), self._signed(int(until)).encode())

    def _signed(self, until: int) -> str:
        """The cookie's value: the second until which it is good, and what only this process can make of it."""
        made = hmac.new(self._secret + self._password(), str(until).encode(), hashlib.sha256)
        return f"{until}.{made.hexdigest()}"

    def _password(self) -> bytes:
        assert self._file is not None
        return password_in(self._file)


class Watched:
    """A web socket that ends with 1008 once somebody may no longer be there: the pages live on it for hours."""

    def __init__(self, receive: Receive, send: Send, knows: Callable[[], bool]) -> None:
        """Watch over a connection that has just been let in."""
        self._receive = receive
        self._send = send
        self._knows = knows
        self._looked = time.monotonic()
        self._ended = False

    async def receive(self) -> Message:
        """The next message, or that the connection has ended."""
        message = await self._receive()
        if message["type"] == "websocket.receive" and await self._is_over():
            return {"type": "websocket.disconnect", "code": 1008}
        return message

    async def send(self, message: Message) -> None:
        """Send a message; nothing once the connection has ended."""
        if not await self._is_over():
            await self._send(message)

    async def _is_over(self) -> bool:
        """Whether the connection has ended; ends it where it must."""
        now = time.monotonic()
        if not self._ended and now - self._looked >= SECONDS_BETWEEN_LOOKS:
            self._looked = now
            if not self._knows():
                self._ended = True
                await self._send({"type": "websocket.close", "code": 1008})
        return self._ended


def password_in(file: Path) -> bytes:
    """The first line of a file, without blanks around it; nothing where it cannot be read."""
    try:
        lines = file.read_bytes().splitlines()
    except OSError:
        return b""
    return lines[0].strip() if lines else b""


def form(language: Language, *, wrong: bool = False) -> HTMLResponse:
    """What asks for the password."""
    words = Words(language)
    text = FORM.format(
        language=language,
        title=escape(words("door_title")),
        label=escape(words("door_password")),
        button=escape(words("door_open")),
        wrong=escape(words("door_wrong")) if wrong else "",
    )
    return HTMLResponse(text, 401, headers={"Cache-Control": "no-store"})


def with_headers(send: Send) -> Send:
    """Sends with `HEADERS`; what has a policy of its own, such as a file that is shown, keeps that."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                if name != POLICY_NAME or name not in headers:
                    headers[name] = value
        await send(message)

    return sending


async def body(receive: Receive) -> bytes:
    """The beginning of a request's body."""
    found = b""
    while len(found) < LONGEST_FORM:
        message = await receive()
        found += message.get("body", b"")
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            break
    return found[:LONGEST_FORM]
