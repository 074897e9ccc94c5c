"""Login by an OpenID provider, such as Google's or Microsoft's, for those whom a list allows; needs the extra `login`.

It stands before all of the pages, their files and their connection: who has not logged in gets nothing of them.
"""

import base64
import binascii
import hashlib
import hmac
import json
import logging
import secrets
import time
import tomllib
from dataclasses import dataclass
from html import escape
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from sakuin.addresses import is_loopback
from sakuin.errors import SakuinError
from sakuin.extras import missing
from sakuin.ui.words import Language, Words

CALLBACK = "/oauth2callback"
LOGOUT = "/logout"
COOKIE, SESSION = "sakuin_login", "sakuin_login_begun"

HOURS_KNOWN = 12
"""After so many hours the provider is asked again, which may know by then that somebody has left."""

SECONDS_TO_LOG_IN = 900
LONGEST_ADDRESS = 320
LONGEST_WAY_ON = 1_000
BEGUN_BEFORE = 1
"""So many logins begun earlier can still be ended: all lies in a cookie, and browsers drop one of over 4 kB."""

PROVIDER = "provider"
TEXTS = ("server_metadata_url", "client_id", "client_secret", "redirect_uri")

PAGE = """<!doctype html>
<html lang="{language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>sakuin</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px system-ui, sans-serif; margin: 20vh auto; width: min(30rem, 90vw) }}
</style>
<h1>sakuin</h1><p role="alert">{told}</p><p><a href="{callback}">{again}</a></p></html>"""

_logger = logging.getLogger("sakuin.ui")


class LoginError(SakuinError):
    """A file that does not say how people log in, or who may."""

    code = "login_unfit"


@dataclass(frozen=True)
class LoginSettings:
    """How people log in.

    Attributes:
        server_metadata_url: Where the provider describes itself, ending with ``/.well-known/openid-configuration``.
        client_id: What the provider calls the page.
        client_secret: What the page proves that by.
        redirect_uri: The page's own address, as browsers see it, and `CALLBACK`.
        allow: Who may come in: addresses, and domains as ``@example.com``, in lower case.
        trust_addresses: Whether addresses count that the provider does not say it has verified.
    """

    server_metadata_url: str
    client_id: str
    client_secret: str
    redirect_uri: str
    allow: frozenset[str]
    trust_addresses: bool = False

    def allows(self, address: str) -> bool:
        """Whether somebody may come in."""
        _, _, domain = address.lower().rpartition("@")
        return address.lower() in self.allow or f"@{domain}" in self.allow


def read_login(file: Path) -> LoginSettings:
    """What a file in TOML says; raises LoginError where something is missing or unsafe."""
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LoginError(f"The login in {file} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    absent = [name for name in TEXTS if not isinstance(given.get(name), str) or not given[name]]
    allow = given.get("allow")
    names = [name.strip().lower() for name in allow if isinstance(name, str)] if isinstance(allow, list) else []
    if not names or not all(name.count("@") == 1 and not name.endswith("@") for name in names):
        absent.append('allow = ["somebody@example.com", "@example.com"]')
    if absent:
        raise LoginError(f"The login in {file} lacks {', '.join(absent)}: see docs/pages.md.")
    if unknown := given.keys() - {*TEXTS, "allow", "trust_addresses"}:
        raise LoginError(f"The login in {file} has no {', '.join(sorted(unknown))}: see docs/pages.md.")
    address = urlsplit(given["redirect_uri"])
    safe = address.scheme == "https" or (address.scheme == "http" and is_loopback(address.hostname or ""))
    if not safe or address.path != CALLBACK:
        raise LoginError(
            f"The redirect_uri in {file} must be https://, the name of the page and {CALLBACK}; http:// only of this "
            f"machine, for what is sent after a login would open the page to whoever reads it."
        )
    texts = {name: given[name] for name in TEXTS}
    return LoginSettings(**texts, allow=frozenset(names), trust_addresses=given.get("trust_addresses") is True)


class Login:
    """Asks who somebody is, and knows them again by a cookie that is worth nothing once the process is another.

    The list of those who may come in is read whenever `knows` is asked: who is taken off it is out at once.
    """

    def __init__(self, file: Path) -> None:
        """Log in by what a file says.

        Raises:
            LoginError: as `read_login`; or the library for it is not installed.
        """
        settings = read_login(file)
        try:
            from authlib.integrations.starlette_client import OAuth
        except ModuleNotFoundError as error:
            raise LoginError(missing(error.name or "authlib", "login")) from error
        self._file = file
        self._redirect = settings.redirect_uri
        self._secure = settings.redirect_uri.startswith("https:")
        self._secret = secrets.token_bytes(32)
        self._provider = OAuth().register(
            PROVIDER,
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            server_metadata_url=settings.server_metadata_url,
            client_kwargs={"scope": "openid email", "code_challenge_method": "S256"},
        )
        # Remembers, in the browser, which login was begun and where it is to lead.
        self._asking = SessionMiddleware(
            self._ask,
            secret_key=secrets.token_hex(32),
            session_cookie=SESSION,
            max_age=SECONDS_TO_LOG_IN,
            same_site="lax",
            https_only=self._secure,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of somebody who is not known."""
        await self._asking(scope, receive, send)

    def knows(self, headers: Headers) -> bool:
        """Whether a request has the cookie of somebody who logged in and may still come in."""
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        named, until, _ = [*(cookie.value if cookie else "").split("."), "", ""][:3]
        if not cookie or not until.isdecimal() or len(until) > 12 or int(until) < time.time():
            return False
        try:
            address = base64.urlsafe_b64decode(named.encode()).decode()
        except (binascii.Error, ValueError):
            return False
        if not hmac.compare_digest(cookie.value.encode(), self._signed(address, int(until)).encode()):
            return False
        return self._allows(address)

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._answer(request)
        response.headers["Cache-Control"] = "no-store"
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        """The way to the provider, or back from there."""
        if request.url.path == CALLBACK and ("state" in request.query_params or "error" in request.query_params):
            return await self._back(request)
        if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
            # A script or a picture of a page that is open since before: no login can begin there.
            return PlainTextResponse("Log in first.", 401)
        again = request.url.path in (CALLBACK, LOGOUT)
        query = f"?{request.url.query}" if request.url.query else ""
        way_on = f"/{request.url.path.lstrip('/')}{query}"
        request.session["next"] = "/" if again or len(json.dumps(way_on)) > LONGEST_WAY_ON else way_on
        forget_begun(request.session)
        try:
            options = {"prompt": "select_account"} if again else {}
            response: Response = await self._provider.authorize_redirect(request, self._redirect, **options)
        except Exception as error:
            _logger.error("The provider of logins cannot be asked: %.200r", str(error))
            return page(request, 503)
        return response

    async def _back(self, request: Request) -> Response:
        """Let somebody in whom the provider knows and the list allows."""
        try:
            token = await self._provider.authorize_access_token(request)
        except Exception as error:
            # Another login was begun since, too much time has passed, or what came is not the provider's. Anybody can
            # send it: quoted and cut, so that it cannot be taken for other lines of the log.
            _logger.error("A login has failed: %.200r", str(error))
            return page(request, 400)
        try:
            settings = self._settings_now()
        except LoginError as error:
            # Somebody writes in the file just now, say.
            _logger.error("%s Nobody comes in until then.", error)
            return page(request, 503, told="login_unfit")
        address = address_in(token.get("userinfo") or {}, settings)
        if address is None or not settings.allows(address):
            return page(request, 403, told="login_refused")
        response = RedirectResponse(request.session.pop("next", "/"), 303)
        seconds = HOURS_KNOWN * 3600
        value = self._signed(address, int(time.time()) + seconds)
        # Strict ones are not sent by a browser that comes from another site, as it does here.
        response.set_cookie(COOKIE, value, max_age=seconds, httponly=True, samesite="lax", secure=self._secure)
        return response

    def _allows(self, address: str) -> bool:
        try:
            return self._settings_now().allows(address)
        except LoginError as error:
            _logger.error("%s Nobody comes in until then.", error)
            return False

    def _settings_now(self) -> LoginSettings:
        return read_login(self._file)

    def _signed(self, address: str, until: int) -> str:
        """The cookie's value: who it is, the second until which it is good, and what only this process can make."""
        named = base64.urlsafe_b64encode(address.encode()).decode()
        made = hmac.new(self._secret, f"{named}.{until}".encode(), hashlib.sha256)
        return f"{named}.{until}.{made.hexdigest()}"


def address_in(user: dict[str, Any], settings: LoginSettings) -> str | None:
    """The address of somebody, in lower case; None where it may be somebody else's."""
    address = user.get("email")
    if not isinstance(address, str) or not address.isascii() or not 2 < len(address) <= LONGEST_ADDRESS:
        return None
    verified = user.get("email_verified") in (True, "true")
    return address.lower() if verified or settings.trust_addresses else None


def forget_begun(session: dict[str, Any]) -> None:
    """Leave the newest `BEGUN_BEFORE` logins that a browser has begun: some versions of the library keep all."""
    begun = [name for name in session if name.startswith(f"_state_{PROVIDER}_")]
    for name in begun[:-BEGUN_BEFORE]:
        del session[name]


def page(request: Request, status: int, *, told: str = "login_failed") -> HTMLResponse:
    """A page that says why somebody does not come in, by the key of a text, with a way to try again."""
    language: Language = "ja" if request.headers.get("accept-language", "").lower().startswith("ja") else "en"
    words = Words(language)
    again = escape(words("login_again"))
    return HTMLResponse(
        PAGE.format(language=language, told=escape(words(told)), callback=CALLBACK, again=again), status
    )


def logged_out() -> Response:
    """What forgets somebody in a browser."""
    response = RedirectResponse(CALLBACK, 303)
    response.delete_cookie(COOKIE)
    return response
