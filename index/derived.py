"""What a commit notes of derived files, those of vectors and terms."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sakuin.index.vectors import sha256_of


def noted(folder: Path, files: Sequence[Path], known: Mapping[str, str]) -> tuple[dict[str, str], dict[str, int]]:
    """SHA-256 and bytes of derived files, as `Manifest.checksums` and `Manifest.sizes`.

    Args:
        folder: Of the index.
        files: Of vectors and terms.
        known: SHA-256 of those that were committed before. Files are written once under names of their own: one known
            by name is known by content.
    """
    # Terms lie in a folder that is another with each commit, under names that stay.
    names = [f"{path.relative_to(folder).parts[0]}/{path.name}" for path in files]
    checksums = {name: known[name] for name in names if name in known and not name.endswith(".json")}
    new = {name: path for name, path in zip(names, files, strict=True) if name not in checksums}
    with ThreadPoolExecutor(os.cpu_count(), "checksums") as pool:
        checksums.update(zip(new, pool.map(sha256_of, new.values()), strict=True))
    return {name: checksums[name] for name in names}, dict(
        zip(names, (path.stat().st_size for path in files), strict=True)
    )
