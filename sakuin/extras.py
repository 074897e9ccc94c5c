"""What to run where an optional library is missing: the extra that brings it, from where this sakuin came."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import Distribution

# What is imported inside functions takes as long as a tenth of a search from the command line, and is seldom needed.

NAME = "sakuin"


def missing(module: str, extra: str) -> str:
    """The sentence for people that a library is missing and which command installs it.

    Args:
        module: What could not be imported.
        extra: The extra of pyproject.toml that brings it.
    """
    return f"{module.partition('.')[0]} is not installed: run `{install_command(extra)}`."


def install_command(extra: str) -> str:
    """The command that adds an extra to this installation, ready for a shell.

    sakuin may have come from a folder, a repository or an archive, and is on no package index of its own accord: only
    what the installer wrote down tells (PEP 610). What was never installed runs from a clone, which then is installed.
    """
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        installed = distribution(NAME)
    except PackageNotFoundError:
        return command("pip", "--editable", f"{Path(__file__).resolve().parent.parent}[{extra}]")
    installer = (installed.read_text("INSTALLER") or "pip").strip()
    return command(installer, *requirement(installed, extra))


def requirement(installed: "Distribution", extra: str) -> list[str]:
    """The arguments that name an installed sakuin with an extra: where it came from, and whether as a link."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    url = origin.get("url", "")
    if "dir_info" in origin:
        folder = f"{url2pathname(urlsplit(url).path)}[{extra}]"
        return ["--editable", folder] if origin["dir_info"].get("editable") else [folder]
    if "vcs_info" in origin:
        url = f"{origin['vcs_info']['vcs']}+{url}@{origin['vcs_info']['commit_id']}"
    if "subdirectory" in origin:
        url += f"#subdirectory={origin['subdirectory']}"
    return [f"{NAME}[{extra}] @ {url}" if url else f"{NAME}[{extra}]"]


def command(installer: str, *arguments: str) -> str:
    """An install command for the running interpreter, whichever environment the shell is in."""
    import shlex
    import subprocess

    start = ["uv", "pip", "install", "--python"] if installer == "uv" else []
    words = [*start, sys.executable, *([] if start else ["-m", "pip", "install"]), *arguments]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
