"""Login by an OpenID provider: one that signs whatever it is told to, in the place of Google's or Microsoft's."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from click.testing import CliRunner

from sakuin.cli.main import cli

pytest.importorskip("streamlit", reason="the extra ui is not installed")
pytest.importorskip("authlib", reason="the extra login is not installed")

from authlib.integrations.starlette_client.integration import StarletteIntegration
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from sakuin.ui import door, login
from sakuin.ui.door import HEALTH
from tests.ui.visitors import visitor

PAGE = {"accept": "text/html", "accept-language": "ja"}
CLIENT, SECRET = "the-page", "a-secret-of-the-page"
REDIRECT = "http://localhost/oauth2callback"


class Provider(ThreadingHTTPServer):
    """An OpenID provider at which somebody is logged in already.

    Attributes:
        user: What it says of them.
        key: What it signs by; ``shown`` is the one that it publishes.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.user: dict[str, Any] = {}
        self.key = self.shown = RSAKey.generate_key(2048, {"kid": "1"})
        self.asked: dict[str, str] = {}
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    server: Provider

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def give(self, answer: object) -> None:
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self) -> None:
        url = self.server.url
        if self.path.startswith("/keys"):
            self.give({"keys": [self.server.shown.as_dict(private=False)]})
            return
        self.give(
            {
                "issuer": url,
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "jwks_uri": f"{url}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    def do_POST(self) -> None:
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        asked = self.server.asked
        challenge = base64.urlsafe_b64encode(hashlib.sha256(sent["code_verifier"][0].encode()).digest())
        assert challenge.rstrip(b"=").decode() == asked["code_challenge"]
        assert base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode() in self.headers["Authorization"]
        now = int(time.time())
        claims = {"iss": self.server.url, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 60}
        claims |= {"nonce": asked["nonce"]} | self.server.user
        token = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.server.key)
        self.give({"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": token})


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def file(tmp_path: Path, provider: Provider) -> Path:
    file = tmp_path / "login.toml"
    file.write_text(settings(provider.url), encoding="utf-8")
    return file


def settings(url: str, allow: str = '["somebody@example.com", "@example.co.jp"]', more: str = "") -> str:
    return (
        f'server_metadata_url = "{url}/.well-known/openid-configuration"\nclient_id = "{CLIENT}"\n'
        f'client_secret = "{SECRET}"\nredirect_uri = "{REDIRECT}"\nallow = {allow}\n{more}'
    )


def browser(file: Path) -> TestClient:
    return visitor(login=login.Login(file))


def begun(client: TestClient, provider: Provider, path: str = "/") -> str:
    """Begin a login; where the provider sends the browser back to."""
    answer = client.get(path, headers=PAGE)
    assert answer.status_code == 302, answer.text
    assert answer.headers["location"].startswith(f"{provider.url}/authorize?")
    provider.asked = {name: value for name, (value,) in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    assert provider.asked["redirect_uri"] == REDIRECT
    return f"/oauth2callback?{urlencode({'code': 'c', 'state': provider.asked['state']})}"


def test_who_is_on_the_list_comes_in_and_no_longer_when_they_are_not(provider: Provider, file: Path) -> None:
    client = browser(file)
    assert client.get(HEALTH).text == "secret"
    for path in ("/", "/media/x.csv", "/_stcore/stream"):
        answer = client.get(path)
        assert (answer.status_code, "secret" in answer.text) == (401, False)
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/stream") as connection:
        connection.receive_text()
    provider.user = {"email": "Somebody@Example.com", "email_verified": True}
    answer = client.get(begun(client, provider, "/corpus?q=%E7%8C%AB"), headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/corpus?q=%E7%8C%AB")
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith(login.COOKIE + "="))
    assert "httponly" in cookie.lower()
    assert client.get("/").text == "secret"
    with client.websocket_connect("/stream") as connection:
        assert connection.receive_text() == "secret"
    file.write_text(settings(provider.url, '["@example.org"]'), encoding="utf-8")
    assert client.get("/", headers=PAGE).status_code == 302
    file.unlink()
    assert client.get("/", headers=PAGE).status_code == 302


@pytest.mark.parametrize("change", ["list", "age"])
def test_an_open_connection_ends_with_the_list_or_the_cookie(
    change: str, provider: Provider, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "SECONDS_BETWEEN_LOOKS", 0.0)
    provider.user = {"email": "somebody@example.com", "email_verified": True}
    client = browser(file)
    client.get(begun(client, provider), headers=PAGE)
    with client.websocket_connect("/stream") as connection:
        assert connection.receive_text() == "secret"
        connection.send_text("a")
        assert connection.receive_text() == "secret a"
        if change == "list":
            file.write_text(settings(provider.url, '["@example.org"]'), encoding="utf-8")
        else:
            monkeypatch.setattr(login, "time", SimpleNamespace(time=lambda: time.time() + 3600 * 13))
        connection.send_text("b")
        with pytest.raises(WebSocketDisconnect) as closed:
            connection.receive_text()
        assert closed.value.code == 1008


@pytest.mark.parametrize(
    "user",
    [
        {"email": "other@example.com", "email_verified": True},
        {"email": "a@sub.example.co.jp", "email_verified": True},
        {"email": "a@evilexample.co.jp", "email_verified": True},
        {"email": "somebody@example.com", "email_verified": False},
        {"email": "somebody@example.com"},
        {"email": ["somebody@example.com"], "email_verified": True},
        {"email_verified": True},
    ],
)
def test_others_do_not_come_in(provider: Provider, file: Path, user: dict[str, Any]) -> None:
    provider.user = user
    client = browser(file)
    answer = client.get(begun(client, provider), headers=PAGE)
    assert (answer.status_code, login.COOKIE in client.cookies) == (403, False)
    assert "このアカウントでは" in answer.text
    # From there another account can be chosen.
    assert "prompt=select_account" in client.get("/oauth2callback", headers=PAGE).headers["location"]


def test_an_own_providers_addresses_may_be_trusted(provider: Provider, file: Path) -> None:
    file.write_text(settings(provider.url, more="trust_addresses = true\n"), encoding="utf-8")
    provider.user = {"email": "a@example.co.jp"}
    client = browser(file)
    assert client.get(begun(client, provider), headers=PAGE).status_code == 303
    assert client.get("/").text == "secret"
    assert client.get("/logout").status_code == 303
    assert client.get("/").status_code == 401


def test_logins_that_the_provider_did_not_make_fail(provider: Provider, file: Path) -> None:
    provider.user = {"email": "somebody@example.com", "email_verified": True}
    client = browser(file)
    # Begun in another browser; signed by somebody else; for another page; answered twice.
    assert browser(file).get(begun(client, provider), headers=PAGE).status_code == 400
    provider.key = RSAKey.generate_key(2048, {"kid": "1"})
    assert client.get(begun(client, provider), headers=PAGE).status_code == 400
    provider.key = provider.shown
    provider.user["aud"] = "another-page"
    assert client.get(begun(client, provider), headers=PAGE).status_code == 400
    del provider.user["aud"]
    provider.user["nonce"] = "of-another-login"
    assert client.get(begun(client, provider), headers=PAGE).status_code == 400
    del provider.user["nonce"]
    back = begun(client, provider)
    assert client.get(back, headers=PAGE).status_code == 303
    client.cookies.delete(login.COOKIE)
    assert client.get(back, headers=PAGE).status_code == 400
    assert login.COOKIE not in client.cookies


@pytest.mark.parametrize("asked", ["/search?q=" + "a" * 3_000, "/" + "%E7%8C%AB" * 500])
def test_a_long_address_does_not_hinder_a_login(asked: str, provider: Provider, file: Path) -> None:
    provider.user = {"email": "somebody@example.com", "email_verified": True}
    client = browser(file)
    back = begun(client, provider, asked)
    # What a browser takes.
    assert len(client.cookies[login.SESSION]) < 3_500
    answer = client.get(back, headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_logins_that_are_begun_and_left_do_not_pile_up(
    provider: Provider, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def keeps_all(self: StarletteIntegration, session: dict[str, Any], state: str, data: object) -> None:
        session[f"_state_{self.name}_{state}"] = {"data": data, "exp": time.time() + 3600}

    # As the library did before it forgot them itself.
    monkeypatch.setattr(StarletteIntegration, "set_state_data", keeps_all)
    provider.user = {"email": "somebody@example.com", "email_verified": True}
    client = browser(file)
    for number in range(10):
        back = begun(client, provider, f"/search?q={'a' * 900}{number}")
        assert len(client.cookies[login.SESSION]) < 4_000
    assert client.get(back, headers=PAGE).status_code == 303


def test_nobody_writes_lines_of_the_log(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    forged = "x\r\n2026-01-01 INFO somebody@example.com has logged in\u2028" + "a" * 1_000
    query = urlencode({"error": "access_denied", "error_description": forged})
    assert browser(file).get(f"/oauth2callback?{query}", headers=PAGE).status_code == 400
    (record,) = [record for record in caplog.records if record.name == "sakuin.ui"]
    assert len(record.getMessage().splitlines()) == 1
    assert len(record.getMessage()) < 300
    assert "access_denied" in record.getMessage()


def test_a_file_that_is_unfit_in_the_middle_of_a_login_is_told(provider: Provider, file: Path) -> None:
    # Unverified, so that the file is also asked whether it trusts the address.
    provider.user = {"email": "somebody@example.com"}
    client = browser(file)
    back = begun(client, provider)
    file.write_text("allow = [", encoding="utf-8")
    answer = client.get(back, headers=PAGE)
    assert (answer.status_code, "一覧が読めない" in answer.text) == (503, True)
    assert login.COOKIE not in client.cookies


def test_made_up_cookies_open_nothing(provider: Provider, file: Path) -> None:
    provider.user = {"email": "somebody@example.com", "email_verified": True}
    client = browser(file)
    good = client.get(begun(client, provider), headers=PAGE).cookies[login.COOKIE].strip('"')
    named, until, signed = good.split(".")
    other = base64.urlsafe_b64encode(b"a@example.co.jp").decode()
    fresh = browser(file)
    for made in (
        good,
        f"{other}.{until}.{signed}",
        f"{named}.{int(until) + 1}.{signed}",
        f"{named}.{until}",
        "",
        "a.1.b",
    ):
        assert fresh.get("/", headers={"cookie": f"{login.COOKIE}={made}"}).status_code == 401, made
    for made in (f"{other}.{until}.{signed}", f"{named}.{int(until) + 1}.{signed}"):
        client.cookies.clear()
        assert client.get("/", headers={"cookie": f"{login.COOKIE}={made}"}).status_code == 401, made
    assert client.get("/", headers={"cookie": f"{login.COOKIE}={good}"}).text == "secret"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("allow = [", "allows = ["), "lacks allow"),
        (('"somebody@example.com", "@example.co.jp"', ""), "lacks allow"),
        (('"somebody@example.com"', '"*"'), "lacks allow"),
        (("client_secret", "secret"), "lacks client_secret"),
        (("http://localhost/", "http://search.example/"), "must be https://"),
        (("http://localhost/oauth2callback", "https://search.example/"), "must be https://"),
        (("client_id", "colour = 1\nclient_id"), "has no colour"),
        (("client_id =", "client_id"), "cannot be read"),
    ],
)
def test_an_unfit_file_is_told_before_anything_is_served(file: Path, change: tuple[str, str], told: str) -> None:
    file.write_text(file.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    ran = CliRunner().invoke(cli, ["ui", "--no-browser", "--host", "0.0.0.0", "--login", str(file)])
    assert isinstance(ran.exception, login.LoginError)
    assert told in str(ran.exception)


def test_a_provider_that_cannot_be_reached_is_told(file: Path) -> None:
    file.write_text(settings("http://127.0.0.1:1"), encoding="utf-8")
    answer = browser(file).get("/", headers=PAGE)
    assert (answer.status_code, "ログインできませんでした" in answer.text) == (503, True)
