"""What stands before the pages: headers, and a password."""

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from sakuin.cli.main import cli

pytest.importorskip("streamlit", reason="the extra ui is not installed")

from starlette.testclient import TestClient
from starlette.types import Message
from starlette.websockets import WebSocketDisconnect

from sakuin.ui import door
from tests.ui.visitors import visitor


def client(file: Path | None) -> TestClient:
    return visitor(password_file=file)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(door, "SECONDS_AFTER_A_WRONG_ONE", 0.0)
    file = tmp_path / "password"
    file.write_text("合言葉\n", encoding="utf-8")
    return file


def test_no_other_site_may_show_the_pages() -> None:
    answer = client(None).get("/")
    assert answer.text == "secret"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"


def test_who_knows_the_password_comes_in_until_it_is_another(file: Path) -> None:
    browser = client(file)
    for path in ("/", "/search?q=a", "/_stcore/stream"):
        answer = browser.get(path)
        assert (answer.status_code, "secret" in answer.text) == (401, False)
        assert answer.headers["x-frame-options"] == "DENY"
    assert browser.get(door.HEALTH).status_code == 200
    assert browser.post("/", data={"password": "x"}).status_code == 401
    assert browser.post("/", data={}).status_code == 401
    with pytest.raises(WebSocketDisconnect), browser.websocket_connect("/stream") as connection:
        connection.receive_text()
    answer = browser.post("/search?q=%E7%8C%AB", data={"password": "合言葉"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/search?q=%E7%8C%AB")
    assert {"httponly", "samesite=strict"} <= {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
    assert browser.get("/search?q=a").text == "secret"
    with browser.websocket_connect("/stream") as connection:
        assert connection.receive_text() == "secret"
    file.write_text("another\n", encoding="utf-8")
    assert browser.get("/").status_code == 401


@pytest.mark.parametrize("change", ["password", "age"])
def test_an_open_connection_ends_with_the_password_or_the_cookie(
    change: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "SECONDS_BETWEEN_LOOKS", 0.0)
    browser = client(file)
    browser.post("/", data={"password": "合言葉"})
    with browser.websocket_connect("/stream") as connection:
        assert connection.receive_text() == "secret"
        connection.send_text("a")
        assert connection.receive_text() == "secret a"
        if change == "password":
            file.write_text("another\n", encoding="utf-8")
        else:
            later = SimpleNamespace(time=lambda: time.time() + 86_400 * 31, monotonic=time.monotonic)
            monkeypatch.setattr(door, "time", later)
        connection.send_text("b")
        with pytest.raises(WebSocketDisconnect) as closed:
            connection.receive_text()
        assert closed.value.code == 1008


def test_a_connection_that_has_ended_sends_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0, asked=0, known=True)
    monkeypatch.setattr(door, "time", SimpleNamespace(monotonic=lambda: clock.now))
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.receive", "text": "a"}

    async def send(message: Message) -> None:
        sent.append(message)

    def knows() -> bool:
        clock.asked += 1
        return bool(clock.known)

    async def talk() -> None:
        watched = door.Watched(receive, send, knows)
        for _ in range(10):
            assert (await watched.receive())["type"] == "websocket.receive"
        # Not with every message: files are read for it.
        assert clock.asked == 0
        clock.now, clock.known = 1.0, False
        # A page that only shows, and asks for nothing, ends as well.
        for _ in range(3):
            await watched.send({"type": "websocket.send", "text": "secret"})
        assert sent == [{"type": "websocket.close", "code": 1008}]
        assert (await watched.receive())["type"] == "websocket.disconnect"
        assert clock.asked == 1

    asyncio.run(talk())


def test_made_up_cookies_open_nothing(file: Path) -> None:
    browser = client(file)
    good = browser.post("/", data={"password": "合言葉"}).cookies[door.COOKIE]
    until, _, signed = good.partition(".")
    for made in (f"{int(until) + 1}.{signed}", f"{until}.", until, f"1.{signed}", "x", "９.a", f"{'9' * 400}.{signed}"):
        fresh = client(file)
        assert fresh.get("/", headers={"cookie": f"{door.COOKIE}={made}".encode()}).status_code == 401, made


def test_a_file_that_is_gone_or_empty_lets_nobody_in(file: Path) -> None:
    browser = client(file)
    for change in (lambda: file.write_text("\n"), file.unlink):
        change()
        assert browser.post("/", data={"password": ""}).status_code == 401
        assert browser.get("/").status_code == 401


def test_the_way_on_stays_on_this_site(file: Path) -> None:
    answer = client(file).post("//evil.example/x", data={"password": "合言葉"})
    assert not answer.headers["location"].startswith("//")


@pytest.mark.parametrize("options", [["--host", "0.0.0.0"], ["--host", "192.0.2.1"], ["--password-file", "none"]])
def test_others_need_a_password(options: list[str], tmp_path: Path) -> None:
    ran = CliRunner().invoke(cli, ["ui", "--index", str(tmp_path), "--no-browser", *options])
    assert ran.exit_code == 2
    assert "password" in ran.output
