"""Encodes rows alone, without an index: a file of vectors for each part of the rows, and one that names them all.

As a build does, it goes on where it was interrupted: a part whose vectors are there is not encoded again.
"""

import io
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sakuin.cluster.errors import ClusterError
from sakuin.cluster.nodes import Nodes
from sakuin.cluster.places import LOCK_FILE, Place, place_of
from sakuin.cluster.rows import PART_BYTES, Part, documents_in, parts_of
from sakuin.embedder import StaticEmbedder
from sakuin.extras import missing
from sakuin.index.model import source_of
from sakuin.index.report import Progress, no_progress

NAME = "vectors.json"
"""Names the files; it is written last."""

VECTORS = "vectors"
"""Folder of the files."""

ENCODING = "encoding"
"""Folder of what is noted until all files are there; what a build of a cluster notes lies elsewhere."""

PLAN = f"{ENCODING}/plan.json"
NOTED = f"{ENCODING}/parts"
FORMATS = ("parquet", "npy")
TYPES = ("float32", "float16")

AT_A_TIME = 8_192
"""Texts that are encoded together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How rows are encoded.

    Attributes:
        model: Model folder or hub name; "" for the packaged model.
        dim: The first so many dimensions of each vector; None for all.
        type: One of `TYPES`.
        format: One of `FORMATS`.
    """

    model: str = ""
    dim: int | None = None
    type: str = "float32"
    format: str = "parquet"


@dataclass(frozen=True, slots=True)
class EncodedPart:
    """The vectors of a part of the rows.

    Attributes:
        file: Its name, below the place.
        rows: How many vectors it has.
        dim: Of each.
        fingerprint: Of the model.
    """

    file: str
    rows: int
    dim: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """What was encoded.

    Attributes:
        rows: Vectors.
        dim: Of each.
        files: By their names below the place, in the order of the rows.
        resumed: Files that an interrupted command had written already.
        seconds: Time taken.
    """

    rows: int
    dim: int
    files: tuple[str, ...]
    resumed: int
    seconds: float


def encode_rows(
    corpus: str,
    place: Place,
    nodes: Nodes,
    *,
    encoding: Encoding = Encoding(),
    progress: Progress = no_progress,
    part_bytes: int = PART_BYTES,
) -> Encoded:
    """Encode the texts of rows: vectors of length 1, in the order of the rows; of no known token, of zeros.

    Args:
        corpus: Path or URI of a file of JSON Lines or Parquet, or of a folder with such files. Every machine must be
            able to read it.
        place: Where the vectors are to lie.
        nodes: What works.
        encoding: How.
        progress: Told how many bytes are encoded.
        part_bytes: About how much one task reads.

    Raises:
        ClusterError: there is something else already, there are no rows, or a machine was lost again and again.
        DocumentError: a row is no document.
        ModelError: the model cannot be loaded, or has fewer dimensions.
    """
    started = time.perf_counter()
    settings = asdict(encoding) | {"model": source_of(encoding.model)}
    with place.writing():
        parts = parts_of(corpus, part_bytes)
        _begin(place, {"parts": [part.to_dict() for part in parts], **settings})
        known = set(place.names(NOTED))
        lacking = [number for number in range(len(parts)) if f"{number:08d}.json" not in known]
        sizes = [part.bytes for part in parts]
        done = sum(sizes) - sum(sizes[number] for number in lacking)
        calls = [(place.uri, number, parts[number], Encoding(**settings)) for number in lacking]
        for call, _ in nodes.run(encode_part, calls):
            done += sizes[lacking[call]]
            progress(parts[lacking[call]].uri, done, sum(sizes))
        made = [EncodedPart(**json.loads(place.read(_noted(number)) or b"")) for number in range(len(parts))]
        _require_rows(place, made, corpus)
        _commit(place, made, settings)
    files = tuple(one.file for one in made)
    seconds = time.perf_counter() - started
    return Encoded(sum(one.rows for one in made), made[0].dim, files, len(parts) - len(lacking), seconds)


def encode_part(uri: str, number: int, part: Part, encoding: Encoding) -> None:
    """Encode a part of the rows, write its vectors, and note that they are there.

    Args:
        uri: Of the place.
        number: Of the part.
        part: What to read.
        encoding: How.
    """
    place, model = place_of(uri), loaded(encoding.model)
    dim = encoding.dim or model.dimension
    ids: list[str] = []
    vectors = [np.zeros((0, dim), encoding.type)]
    documents = documents_in(part)
    while some := list(islice(documents, AT_A_TIME)):
        ids += [one.id for one in some]
        rows = model.encode([one.text for one in some], truncate_dim=dim, normalize=True)
        vectors.append(rows.astype(encoding.type))
    file = f"{VECTORS}/{number:08d}.{encoding.format}"
    for name, content in FILES[encoding.format](ids, np.concatenate(vectors), file):
        place.write(name, content)
    # After what it tells of: where it is there, the vectors are.
    noted = EncodedPart(file, len(ids), dim, model.fingerprint)
    place.write(_noted(number), json.dumps(asdict(noted)).encode())


@lru_cache(maxsize=1)
def loaded(model: str) -> StaticEmbedder:
    """A model, which the tasks of a process share."""
    return StaticEmbedder.load(model or None)


def as_npy(ids: Sequence[str], vectors: NDArray[Any], file: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of a file for NumPy, and of one with an id on each line, as JSON."""
    content = io.BytesIO()
    np.save(content, vectors)
    yield f"{file.removesuffix('.npy')}.jsonl", "".join(f"{json.dumps(one)}\n" for one in ids).encode()
    yield file, content.getvalue()


def as_parquet(ids: Sequence[str], vectors: NDArray[Any], file: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of a file with the columns ``id`` and ``vector``, a list of a fixed size."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise ClusterError(f"{file} needs the extra `cluster`: {missing('pyarrow', 'cluster')}") from error
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    content = pa.BufferOutputStream()
    table = pa.table({"id": pa.array(ids, pa.string()), "vector": column})
    parquet.write_table(table, content, write_page_checksum=True)
    yield file, content.getvalue().to_pybytes()


FILES = {"npy": as_npy, "parquet": as_parquet}


def _begin(place: Place, plan: dict[str, Any]) -> None:
    """Begin, or go on with what was interrupted; what was begun otherwise is deleted.

    Raises:
        ClusterError: there are vectors already, or something else.
    """
    names = set(place.names(""))
    if NAME in names:
        raise ClusterError(f"There are vectors in {place.uri} already: choose another --out, or delete it first.")
    wanted = sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest().encode()
    again = place.read(PLAN)
    if others := sorted(names - {LOCK_FILE, *((ENCODING, VECTORS) if again else ())}):
        raise ClusterError(f"There is {others[0]} in {place.uri} already: name a new or an empty folder for vectors.")
    if again != wanted:
        place.remove(NOTED)
        place.remove(VECTORS)
        # Last, for by it the next command knows what lies here for its own.
        place.write(PLAN, wanted)


def _require_rows(place: Place, made: Sequence[EncodedPart], corpus: str) -> None:
    """Raise ClusterError, and leave nothing behind, where no part had a row."""
    if not any(one.rows for one in made):
        place.remove(VECTORS)
        place.remove(ENCODING)
        raise ClusterError(f"There are no rows in {corpus}, whose files are empty: give some that have rows.")


def _commit(place: Place, made: Sequence[EncodedPart], settings: dict[str, Any]) -> None:
    """Name all files in one, and delete what only their making needed.

    Raises:
        ClusterError: machines had different models.
    """
    fingerprints = {one.fingerprint for one in made}
    if len(fingerprints) > 1:
        raise ClusterError(
            f"The vectors in {place.uri} were made by different models: see that all machines have the same version of "
            f"it, delete the folder and run the same command again."
        )
    told = {
        **settings,
        "dim": made[0].dim,
        "fingerprint": made[0].fingerprint,
        "rows": sum(one.rows for one in made),
        "files": [{"name": one.file, "rows": one.rows} for one in made],
    }
    place.write(NAME, json.dumps(told, ensure_ascii=False, indent=1).encode())
    # What cannot be deleted takes nothing from the vectors.
    with suppress(OSError):
        place.remove(ENCODING)


def _noted(number: int) -> str:
    """The file that says that a part is encoded."""
    return f"{NOTED}/{number:08d}.json"
