"""Whether a server of this machine answers, for health checks: health.py URL [KEY_FILE]; exits with 1 if not."""

import sys
import urllib.request
from pathlib import Path


def main() -> None:
    """Ask once; an error of any kind is a traceback and exit code 1, which is what `docker inspect` shows."""
    url, *key_file = sys.argv[1:]
    key = first_key(Path(key_file[0])) if key_file else ""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    urllib.request.urlopen(request, timeout=5).close()


def first_key(path: Path) -> str:
    """The first key of a file that has one on each line; behind it may stand what it allows."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(line.split()[0] for line in lines if line.strip() and not line.lstrip().startswith("#"))


if __name__ == "__main__":
    main()
