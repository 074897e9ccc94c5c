"""Builds the image and starts what compose.yaml says; where there is no Docker, does by itself what both say.

python .ci/image.py: the commands are read from Dockerfile and compose.yaml, never written here a second time.
"""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
LARGEST_IMAGE = 700
LARGEST_BASE = 130
"""MB of python:3.13-slim, which is not here to be measured: what is installed must leave room for it."""
KEY = "a key for the time of this check"


@dataclass(frozen=True)
class Dockerfile:
    """What a Dockerfile says, by instruction, in order."""

    steps: list[tuple[str, str]]

    @classmethod
    def read(cls, path: Path = ROOT / "Dockerfile") -> "Dockerfile":
        """The instructions; lines that go on are one."""
        lines = re.sub(r"\\\n", " ", path.read_text(encoding="utf-8")).splitlines()
        parts = [line.partition(" ") for line in lines if line.strip() and not line.startswith("#")]
        return cls([(instruction, rest.strip()) for instruction, _, rest in parts])

    def all(self, instruction: str) -> list[str]:
        """What follows each of an instruction."""
        return [rest for name, rest in self.steps if name == instruction]

    def words(self, instruction: str) -> list[str]:
        """The command of ENTRYPOINT, CMD or HEALTHCHECK, which are written as JSON."""
        (rest,) = self.all(instruction)
        words: list[str] = json.loads(rest[rest.index("[") :])
        return words

    def own_scripts(self) -> list[str]:
        """The RUN lines that run what is in the repository."""
        return [rest for rest in self.all("RUN") if rest.startswith("/src/")]


def compose() -> dict[str, Any]:
    """compose.yaml, its anchors resolved."""
    read: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return read


def services(dockerfile: Dockerfile) -> dict[str, tuple[list[str], list[str]]]:
    """Of each server of compose.yaml the command, and that of its health check, as the image would run them."""
    found = {}
    for name, service in compose()["services"].items():
        if "profiles" not in service:
            test = service.get("healthcheck", {}).get("test", ["CMD", *dockerfile.words("HEALTHCHECK")])
            found[name] = ([*dockerfile.words("ENTRYPOINT"), *service["command"]], test[1:])
    return found


def rehearse(folder: Path) -> None:
    """What Dockerfile and compose.yaml say, in a folder in place of an image."""
    dockerfile = Dockerfile.read()
    target, data, key = folder / "sakuin", folder / "data", folder / "key"
    key.write_text(KEY.replace(" ", "-"), encoding="utf-8")
    places = {"/src": str(ROOT), "/opt/sakuin": str(target), "/data": str(data), "/run/secrets/sakuin_key": str(key)}
    (extras,) = (rest.partition("=")[2] for rest in dockerfile.all("ARG"))
    for script in dockerfile.own_scripts():
        subprocess.run([placed(word, places) for word in shlex.split(script.replace("$EXTRAS", extras))], check=True)
    size = megabytes(target)
    print(f"{size} MB in the image beside python:3.13-slim")
    assert size <= LARGEST_IMAGE - LARGEST_BASE, f"{size} MB is too much for an image of {LARGEST_IMAGE}"
    data.mkdir()
    documents = ROOT / "examples" / "corpus" / "it"
    shutil.copytree(documents if documents.is_dir() else ROOT / "examples" / "corpus", folder / "documents")
    user: dict[str, Any] = {"cwd": data, "env": {"HOME": str(folder / "home"), "PATH": os.environ["PATH"]}}
    index = placed(dockerfile.words("ENTRYPOINT")[0], places)
    (uid,) = map(int, dockerfile.all("USER"))
    other = {"user": uid, "group": uid, "extra_groups": []}
    if os.getuid() == 0 and may_run(index, other):
        os.chown(data, uid, uid)
        user |= other
    subprocess.run([index, "build", str(folder / "documents")], check=True, stdout=subprocess.DEVNULL, **user)
    for name, (command, check) in services(dockerfile).items():
        watch(name, *ported([placed(word, places) for word in command], [placed(word, places) for word in check]), user)


def may_run(program: str, user: dict[str, Any]) -> bool:
    """Whether the user of the image may run the interpreter at hand; as one below /root, where only root may."""
    try:
        subprocess.run([program, "--help"], check=True, stdout=subprocess.DEVNULL, cwd="/", **user)
    except PermissionError:
        print(f"tried as root: {Path(program).with_name('python').resolve()} is for root alone")
        return False
    return True


def watch(name: str, command: list[str], check: list[str], user: dict[str, Any]) -> None:
    """Start a server and wait until its health check passes; asked before, the check must fail."""
    assert subprocess.run(check, stderr=subprocess.DEVNULL, **user).returncode, f"{name}: healthy before it was started"
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, **user)
    try:
        for _ in range(60):
            assert server.poll() is None, f"{name} ended with {server.returncode}: {shlex.join(command)}"
            if subprocess.run(check, stderr=subprocess.DEVNULL, **user).returncode == 0:
                print(f"{name} is healthy: {shlex.join(command)}")
                return
            time.sleep(1)
        sys.exit(f"{name} did not become healthy within a minute: {shlex.join(check)}")
    finally:
        server.terminate()
        server.wait(timeout=30)


def placed(word: str, places: Mapping[str, str]) -> str:
    """A path of the image as the path here; other words as they are."""
    for inside, here in places.items():
        if word == inside or word.startswith(inside + "/"):
            return here + word[len(inside) :]
    return word


def ported(command: list[str], check: list[str]) -> tuple[list[str], list[str]]:
    """The same at a port that is free here, for a container has all to itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return [*command, "--port", str(port)], [re.sub(r"(127\.0\.0\.1:)\d+", rf"\g<1>{port}", word) for word in check]


def megabytes(folder: Path) -> int:
    """What files of a folder take in a layer of an image."""
    sizes = (path.lstat().st_size for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    return round(sum(sizes) / 1e6)


def with_docker() -> None:
    """Build the image, and have compose.yaml's servers become healthy."""
    subprocess.run(["docker", "build", "--quiet", "--tag", "sakuin", "."], cwd=ROOT, check=True)
    shown = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Size}}", "sakuin"], check=True, capture_output=True, text=True
    )
    size = int(shown.stdout) / 1e6
    print(f"image of {size:.0f} MB")
    assert size <= LARGEST_IMAGE
    key = ROOT / "sakuin.key"
    made = not key.exists()
    if made:
        key.write_text(KEY.replace(" ", "-"), encoding="utf-8")
    environment = {**os.environ, "DOCUMENTS": str(ROOT / "examples" / "corpus")}
    compose = ["docker", "compose", "--project-name", "sakuin-check"]
    try:
        subprocess.run([*compose, "run", "--rm", "build"], cwd=ROOT, env=environment, check=True)
        subprocess.run([*compose, "up", "--detach", "--wait"], cwd=ROOT, env=environment, check=True)
    finally:
        subprocess.run([*compose, "down", "--volumes"], cwd=ROOT, env=environment, check=False)
        if made:
            key.unlink()


def main() -> None:
    """By Docker where it is, else without."""
    daemon = shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True).returncode == 0
    if daemon:
        with_docker()
        return
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        rehearse(Path(name))


if __name__ == "__main__":
    main()
