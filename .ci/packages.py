"""Builds wheel and sdist, checks them, and tries the wheel in an environment of its own, outside of the clone.

python .ci/packages.py [OUT]: on Linux, macOS and Windows; needs build and twine.
"""

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = {
    "leave.txt": "有給休暇の申請は三日前までに人事部へ出してください。",
    "vpn.md": "# VPN\n\nConnect to the VPN before you open the shared folder.\n",
    "rows.csv": "text,animal\n猫は魚が好きです。,cat\nThe dog likes bones.,dog\n",
}
ANSWERS = {"会社を休みたい": "leave.txt", "VPN に接続する": "vpn.md", "魚が好きな動物": "rows.csv#row=1"}


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """What a command prints; ends with its output where it fails."""
    apart = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    apart["PYTHONUTF8"] = "1"
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=apart, capture_output=True, encoding="utf-8")
    if done.returncode:
        sys.exit(f"{' '.join(words)}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def build(out: Path) -> tuple[Path, Path]:
    """Wheel and sdist; the wheel is built from the sdist, so that what it lacks is missed."""
    run(sys.executable, "-m", "build", "--outdir", out)
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist)
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for needed in ("LICENSE", "embedder/native.c", "sakuin/embedder/default/model.safetensors"):
        assert needed in names, f"{needed} is not in {sdist.name}"
    return wheel, sdist


def try_out(wheel: Path, folder: Path) -> None:
    """Install a wheel with its dependencies into a clean environment, index a small folder and search it."""
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    bin = environment / ("Scripts" if os.name == "nt" else "bin")
    run(bin / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
    origin = run(bin / "python", "-c", "import sakuin; print(sakuin.__file__)", cwd=folder).strip()
    assert Path(origin).is_relative_to(environment.resolve()), f"{origin} is not what was installed"
    print(run(bin / "index", "--version", cwd=folder).strip())
    documents = folder / "documents"
    documents.mkdir()
    for name, text in DOCUMENTS.items():
        (documents / name).write_text(text, encoding="utf-8")
    print(run(bin / "index", "build", "documents", cwd=folder).strip())
    for query, answer in ANSWERS.items():
        result = json.loads(run(bin / "index", "search", query, "--json", cwd=folder))
        found = [hit["document"]["id"] for hit in result["hits"]]
        assert found[0] == answer, f"{query}: {found} in place of {answer}"
    run(bin / "index", "verify", cwd=folder)


def main() -> None:
    """Build, check and try."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        out = Path(sys.argv[1]).resolve() if sys.argv[1:] else folder / "out"
        wheel, sdist = build(out)
        try_out(wheel, folder)
        for path in (wheel, sdist):
            print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
