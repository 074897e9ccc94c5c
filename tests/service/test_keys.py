"""Several keys, what each allows, and how they change while a service runs; what errors do not tell."""

import json
import os
from pathlib import Path

import pytest

from sakuin import Index
from sakuin.service.hiding import without_paths
from sakuin.service.keys import Keys, read_keys
from sakuin.service.served import ServiceError
from tests.service.services import JSON, KEY, Service, started

READER = "another-key-that-may-only-read"
THIRD = "a-third-key-that-came-later"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, toy_model: Path) -> Path:
    folder = tmp_path_factory.mktemp("keys") / "index"
    with Index.open(folder, model=str(toy_model)) as index:
        index.add({"id": "a", "text": "a cat"})
    return folder


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def replaced(file: Path, text: str) -> None:
    """Another file in the place of one, at once, as who rotates keys does."""
    new = file.with_name("new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, file)


def test_a_key_that_may_only_read_writes_nothing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"# of the team\n{KEY}\n\n{READER} read\n", encoding="utf-8")
    with started(folder, "--writable", "--key-file", str(tmp_path / "keys")) as (_, port):
        reader, writer = Service(port, bearer(READER)), Service(port, bearer(KEY))
        for service in (reader, writer):
            assert service.get("/search", query="cat")["hits"]
            assert service.post("/search", query="cat")["hits"]
            assert service.post("/v1/rerank", query="cat", documents=["a"])["results"]
            assert service.get("/documents")["documents"]
        for method, path, body in (
            ("POST", "/documents", {"id": "b", "text": "b"}),
            ("PUT", "/documents/b", {"text": "b"}),
            ("POST", "/documents/delete", {"where": {"id": "a"}}),
            ("DELETE", "/documents/a", None),
        ):
            refused = reader.refused(403, method, path, body, headers={} if body is None else JSON)
            assert refused["code"] == "key_reads_only"
        assert writer.send("PUT", "/documents/b", json.dumps({"text": "b"}), JSON)[0] == 200
        Service(port, bearer("a-key-that-nobody-has-given")).refused(401, "GET", "/health")


def test_keys_change_while_the_service_runs(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(KEY, encoding="utf-8")
    with started(folder, "--key-file", str(file)) as (process, port):
        old, new = Service(port, bearer(KEY)), Service(port, bearer(THIRD))
        old.get("/health")
        new.refused(401, "GET", "/health")
        replaced(file, f"{KEY}\n{THIRD} read\n")
        old.get("/health")
        new.get("/health")
        replaced(file, f"{THIRD} read\n")
        old.refused(401, "GET", "/health")
        # What is unfit, or gone for a moment, locks nobody out, and is told once.
        replaced(file, "short")
        for _ in range(3):
            new.get("/health")
        file.unlink()
        new.get("/health")
        replaced(file, KEY)
        old.get("/health")
        new.refused(401, "GET", "/health")
        process.terminate()
        lines = process.communicate(timeout=30)[1].splitlines()
        assert [line.endswith("Until then the keys before are valid.") for line in lines] == [True, True, False]


def test_keys_that_will_not_do(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    with pytest.raises(ServiceError, match="cannot be read"):
        read_keys(file)
    lines = ("", "#", "short", "two words of a key", "鍵" * 16, f"{KEY}\nline\n", f"{KEY} all", f"{KEY} read write")
    for text in lines:
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ServiceError, match="16 ASCII characters"):
            read_keys(file)
    file.write_text(f"{KEY} write\n{READER} read", encoding="utf-8")
    keys = Keys(file)
    assert [keys.right(given) for given in (KEY, READER, "", KEY[:-1], "ключ")] == ["write", "read", None, None, None]


def test_no_error_tells_where_the_index_lies(tmp_path: Path, toy_model: Path) -> None:
    folder = tmp_path / "a folder with blanks" / "index"
    with Index.open(folder, model=str(toy_model)) as index:
        index.add({"id": "a", "text": "a cat"})
    with started(folder, "--writable") as (_, port):
        asked = Service(port).refused(400, "GET", "/search?query=cat&min_relevance=0.5")
        assert asked["message"].startswith("The index knows no scores")
        folder.rename(tmp_path / "elsewhere")
        for method, path, body in (
            ("GET", "/search?query=a", None),
            ("GET", "/documents", None),
            ("GET", "/documents/a", None),
            ("PUT", "/documents/b", {"text": "b"}),
            ("POST", "/documents", {"id": "b", "text": "b"}),
        ):
            message = Service(port).refused(503, method, path, body, headers={} if body is None else JSON)["message"]
            assert "blanks" not in message
            assert str(tmp_path) not in message


def test_paths_are_left_out_of_sentences() -> None:
    folder = Path("/srv/my data/index")
    for message, told in (
        ("The index in /srv/my data/index was deleted: open it.", "The index was deleted: open it."),
        ("Cannot write to /srv/my data/index-uploads (full).", "Cannot write to ...-uploads (full)."),
        ("The model '/opt/models/a' cannot be read: see /etc/x/y.", "The model '...' cannot be read: see ..."),
        ("Use `index repair --index /srv/my data/index`.", "Use `index repair `."),
        ("A and/or B, 3/4, text/html: no path.", "A and/or B, 3/4, text/html: no path."),
        (r"In C:\Users\me\index there is none.", "In ... there is none."),
        ("The cluster in s3://bucket/papers has no shard.", "The cluster in ... has no shard."),
        ("In file:///srv/x: none at (gs://b/a.b/c), 'ray://head:10001'.", "In ...: none at (...), '...'."),
        ("It lies in s3://bucket/papers.", "It lies in ...."),
    ):
        assert without_paths(message, folder) == told
