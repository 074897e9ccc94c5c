"""Image, compose file, unit and packages say the same, and what the commands understand."""

import configparser
import http.server
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from sakuin.cli.main import cli

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def image() -> Iterator[ModuleType]:
    """The script that does by itself what the Dockerfile says."""
    spec = importlib.util.spec_from_file_location("image_script", ROOT / ".ci" / "image.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def understood(command: list[str]) -> dict[str, Any]:
    """The options of a command line after `index`, as the command would have them; fails where it does not."""
    return cli.commands[command[0]].make_context(command[0], command[1:]).params


def test_what_the_image_installs_the_script_installs(image: ModuleType) -> None:
    dockerfile = image.Dockerfile.read()
    (installs,) = dockerfile.own_scripts()
    script, target, extras = shlex.split(installs)
    assert os.access(ROOT / script.removeprefix("/src/"), os.X_OK)
    assert extras == "$EXTRAS"
    # Nothing comes into the image by another way, which the script would not try.
    others = [run for run in dockerfile.all("RUN") if run != installs]
    assert not [run for run in others if not run.startswith(("apt-get update &&", "useradd "))]
    assert [copy for copy in dockerfile.all("COPY") if "--from" in copy] == [f"--from=installed {target} {target}"]
    assert dockerfile.words("ENTRYPOINT") == [f"{target}/bin/index"]
    assert all(word in installs or word.startswith(target) for word in dockerfile.words("HEALTHCHECK")[:2])


def test_the_image_is_not_roots_and_watches_its_page(image: ModuleType) -> None:
    dockerfile = image.Dockerfile.read()
    assert dockerfile.all("USER") == ["1000"]
    page = understood(dockerfile.words("CMD"))
    assert (page["host"], page["no_browser"]) == ("0.0.0.0", True)
    assert f":{page['port']}/" in dockerfile.words("HEALTHCHECK")[-1]
    assert f"{page['port']}" in dockerfile.all("EXPOSE")[0].split()


def test_compose_runs_page_and_service_over_one_volume_for_this_machine(image: ModuleType) -> None:
    services = image.compose()["services"]
    for name, service in services.items():
        options = understood(service["command"])
        assert service["volumes"][0] == "index:/data", name
        for published in service.get("ports", []):
            assert published == f"127.0.0.1:{options['port']}:{options['port']}", name
    assert understood(services["build"]["command"])["corpus"] == Path("/documents")
    assert {
        name: f":{understood(command[1:])['port']}/" in " ".join(check)
        for name, (command, check) in (image.services(image.Dockerfile.read()).items())
    } == {"page": True, "service": True}


def test_the_image_is_given_all_that_is_installed() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    links = {os.readlink(path).removeprefix("../") for path in (ROOT / "sakuin").iterdir() if path.is_symlink()}
    assert kept >= {"sakuin", "deploy", "app.py", "setup.py", "pyproject.toml", "README.md", "LICENSE", *links}
    assert all((ROOT / name).exists() for name in kept)


def test_the_unit_starts_the_service_and_is_valid(tmp_path: Path) -> None:
    unit = ROOT / "deploy" / "sakuin.service"
    settings = configparser.RawConfigParser()
    settings.optionxform = str  # type: ignore[assignment,method-assign]
    settings.read(unit)
    program, *command = shlex.split(settings["Service"]["ExecStart"])
    assert understood(command)["folder"] == Path("/var/lib") / settings["Service"]["StateDirectory"] / "index"
    assert program in (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze")
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace(program, "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", "--recursive-errors=no", copy], capture_output=True, text=True)
    assert unit.name not in done.stderr, done.stderr


def test_a_health_check_fails_unless_the_server_answers(tmp_path: Path) -> None:
    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.headers["Authorization"] == "Bearer secret" else 401)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    (tmp_path / "key").write_text("secret\n")
    server = http.server.HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    check = [sys.executable, ROOT / "deploy" / "health.py", f"http://127.0.0.1:{server.server_port}/health"]
    (tmp_path / "keys").write_text("# of the application\n\nsecret read\nanother\n")
    try:
        assert subprocess.run([*check, tmp_path / "key"]).returncode == 0
        assert subprocess.run([*check, tmp_path / "keys"]).returncode == 0
        assert subprocess.run(check, stderr=subprocess.DEVNULL).returncode == 1
    finally:
        server.shutdown()
        server.server_close()
    assert subprocess.run([*check, tmp_path / "key"], stderr=subprocess.DEVNULL).returncode == 1


def test_checks_of_packages_run_in_ci() -> None:
    run = (ROOT / ".ci" / "run").read_text()
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert "python .ci/packages.py" in run
    assert "python .ci/image.py" in run
    packages = workflow["jobs"]["packages"]
    assert {name.partition("-")[0] for name in packages["strategy"]["matrix"]["system"]} == {"windows", "macos"}
    assert any("python .ci/packages.py" in step.get("run", "") for step in packages["steps"])


def test_the_page_of_a_container_answers_by_this_machines_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[str] = []
    monkeypatch.setattr(os, "execv", lambda _, command: started.extend(command))
    ran = CliRunner().invoke(
        cli, ["ui", "--index", str(tmp_path), "--host", "0.0.0.0", "--no-password", "--port", "18501", "--no-browser"]
    )
    assert ran.exit_code == 0, ran.output
    assert "http://127.0.0.1:18501 shows" in ran.output
    assert "--server.address=0.0.0.0" in started
    assert {flag for flag in started if "allowedHosts" in flag} >= {
        "--server.allowedHosts=127.0.0.1",
        "--server.allowedHosts=localhost",
    }
