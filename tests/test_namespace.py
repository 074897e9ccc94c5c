"""Installing sakuin takes no name but its own, and names of other projects do not get in its way."""

import ast
import json
import os
import socket
import subprocess
import sys
import tomllib
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from setuptools import find_packages

import sakuin
from sakuin.cli.main import cli

ROOT = Path(__file__).parent.parent
FOLDERS = ("embedder", "evaluation", "experiments", "index", "search", "service", "training", "tuning", "ui")
MODULES = ("app", "cli", "facts", "files")


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """A project whose packages are called as ours were, and end the process when they are imported."""
    for name in FOLDERS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise SystemExit('the project\\'s own {name} was imported')\n")
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('the project\\'s own {name} was imported')\n")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "leave.txt").write_text("有給休暇の申請は三日前までに出してください。", encoding="utf-8")
    return tmp_path


def environment(stranger: Path) -> dict[str, str]:
    """What has Python look for modules in the project first."""
    path = os.pathsep.join([str(stranger), str(Path(sakuin.__file__).parent.parent)])
    return {**os.environ, "PYTHONPATH": path}


def run(stranger: Path, *arguments: str) -> str:
    """What Python prints in the project, which is its working folder and first on its path."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=stranger,
        env=environment(stranger),
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_projects_names_stand_in_the_way(stranger: Path) -> None:
    with pytest.raises(AssertionError, match="the project's own index was imported"):
        run(stranger, "-c", "import index")


def test_a_project_with_clashing_names_builds_and_searches(stranger: Path, toy_model: Path) -> None:
    run(stranger, "-m", "sakuin", "build", "texts", "--model", str(toy_model))
    program = (
        "from sakuin import Document, Index, Searcher, StaticEmbedder\n"
        "with Index.open('.sakuin') as index:\n"
        "    index.add(Document(id='vpn', text='Connect to the VPN first.'))\n"
        "with Searcher.open('.sakuin') as searcher:\n"
        "    for query in ('有給休暇', 'VPN'):\n"
        "        print(searcher.search(query, mode='bm25').hits[0].document.id)\n"
    )
    assert run(stranger, "-c", program).split() == ["leave.txt", "vpn"]


def test_commands_work_in_a_project_with_clashing_names(stranger: Path, toy_model: Path) -> None:
    (stranger / "texts" / "vpn.txt").write_text("Connect to the VPN first.", encoding="utf-8")
    run(stranger, "-m", "sakuin", "build", "texts", "--model", str(toy_model))
    assert json.loads(run(stranger, "-m", "sakuin", "info", "--json"))["documents"] == 2
    run(stranger, "-m", "sakuin", "remove", "texts/vpn.txt")
    run(stranger, "-m", "sakuin", "compact")
    run(stranger, "-m", "sakuin", "verify")
    assert json.loads(run(stranger, "-m", "sakuin", "info", "--json"))["documents"] == 1
    (stranger / "judged.jsonl").write_text('{"query": "有給休暇", "relevant": ["leave.txt"]}', encoding="utf-8")
    with pytest.raises(AssertionError, match="Tuning needs 20 judged queries"):
        run(stranger, "-m", "sakuin", "tune", "--queries", "judged.jsonl")


def test_the_service_runs_in_a_project_with_clashing_names(stranger: Path, toy_model: Path) -> None:
    run(stranger, "-m", "sakuin", "build", "texts", "--model", str(toy_model))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, "-m", "sakuin", "serve", "--port", str(port)],
        cwd=stranger,
        env=environment(stranger),
        stdout=subprocess.PIPE,
        text=True,
    ) as service:
        try:
            assert service.stdout
            assert f":{port} serves" in service.stdout.readline()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=60) as answer:
                assert answer.status == 200
            service.terminate()
            assert service.wait(60) == 0
        finally:
            service.kill()


def test_every_command_says_what_it_does_in_a_project_with_clashing_names(stranger: Path) -> None:
    program = (
        "import sys\n"
        "from sakuin.cli.main import cli\n"
        "for name in cli.commands:\n"
        "    cli([name, '--help'], standalone_mode=False)\n"
    )
    said = run(stranger, "-c", program)
    assert said.count("Usage:") == len(cli.commands)
    for module in ("sakuin.training", "sakuin.evaluation"):
        assert "Usage:" in run(stranger, "-m", module, "--help")


def sources() -> Iterator[Path]:
    """The modules of an installation."""
    for folder in ("embedder", "index", "search", "training", "sakuin"):
        # rglob does not follow the links in sakuin/.
        yield from (path for path in (ROOT / folder).rglob("*.py"))


def test_no_module_imports_another_by_a_name_that_a_project_may_have() -> None:
    found = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [str(node.module)]
            else:
                continue
            found += [f"{path}: {name}" for name in names if name.split(".")[0] in (*FOLDERS, *MODULES)]
    assert not found


def test_packages_of_an_installation_all_lie_in_sakuin() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert "py-modules" not in settings
    packages = find_packages(str(ROOT), include=settings["packages"]["find"]["include"])
    assert {package.split(".")[0] for package in packages} == {"sakuin"}
    for path in sources():
        package = path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        if path.name == "__init__.py" and package != "sakuin":
            assert f"sakuin.{package.removeprefix('sakuin.')}" in packages


@pytest.mark.slow
def test_a_wheel_adds_one_name_and_has_every_file(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if files.returncode:
        pytest.skip("not a clone: which files belong to sakuin is not known")
    for name in files.stdout.strip("\0").split("\0"):
        if name.startswith(
            ("sakuin", "app.py", "embedder/", "index/", "search/", "training/", "pyproject", "README", "LICENSE")
        ):
            copy = tree / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_symlink():
                copy.symlink_to(os.readlink(ROOT / name))
            else:
                copy.write_bytes((ROOT / name).read_bytes())
    build = "from setuptools import build_meta; print(build_meta.build_wheel('.'))"
    built = subprocess.run([sys.executable, "-c", build], cwd=tree, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(tree / built.stdout.split()[-1]) as wheel:
        names = wheel.namelist()
    tops = {name.split("/")[0] for name in names}
    assert "sakuin" in tops
    assert all(top == "sakuin" or top.endswith(".dist-info") for top in tops)
    for path in sources():
        where = path.relative_to(ROOT).as_posix()
        assert f"sakuin/{where.removeprefix('sakuin/')}" in names
    for data in (
        "sakuin/embedder/default/model.safetensors",
        "sakuin/training/recipes/default.toml",
        "sakuin/py.typed",
        "sakuin/ui/assets/map.js",
        "sakuin/ui/assets/style.css",
        "sakuin/ui/page/app.py",
        "sakuin/ui/texts/ja.toml",
    ):
        assert data in names
