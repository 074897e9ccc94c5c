"""FAISS structures for the first stage of a search over the vectors of an index: recall and time after rescoring.

    python -m benchmarks.structures --index .sakuin

The largest segment of the index is searched on one core, by the codes that sakuin writes and by others; of each first
stage the best 100 to 3,000 are compared exactly. Recall is the share of the ten truly nearest that is then found.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.questions import asked_of
from benchmarks.search import exact, passages_of
from sakuin.index.vectors import TRAINED_ON, Vectors, code_order, scored, unit_rows
from sakuin.search import Searcher

EFFORTS = (100, 300, 1000, 3000)


@click.command()
@click.option("--index", "folder", type=click.Path(path_type=Path), required=True, help="An index of many passages.")
@click.option("--queries", default=200, show_default=True, help="Queries for each structure.")
def main(folder: Path, queries: int) -> None:
    """Compare FAISS structures."""
    import faiss

    with Searcher.open(folder) as searcher:
        vectors, dim = searcher.snapshot.vectors, searcher.manifest.dim
        asked = searcher.model.encode(asked_of(passages_of(folder), queries), truncate_dim=dim, normalize=True)
        segment = max(vectors.segments, key=lambda segment: len(segment.ids))
        alone = Vectors(segment.folder, [segment.name], np.zeros(0, np.int64))
        nearest = exact(alone, asked)
        print(f"{len(segment.ids):,} vectors of {dim} dimensions")
        print(f"{'':36}{'bytes':>6}{'made in s':>10}" + "".join(f"{f'{n:,} rescored':>22}" for n in EFFORTS))
        faiss.omp_set_num_threads(1)
        for name, order, make in structures(dim, len(segment.ids)):
            started = time.perf_counter()
            index = make()
            rows = np.ascontiguousarray(unit_rows(segment.rows, slice(None), dim)[:, order])
            index.train(rows[:TRAINED_ON])
            index.add(rows)
            seconds = time.perf_counter() - started
            size = len(faiss.serialize_index(index)) / len(rows)
            cells = [measured(index, order, segment.ids, segment.rows, asked, nearest, effort) for effort in EFFORTS]
            print(f"{name:36}{size:6.0f}{seconds:10.1f}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


def structures(dim: int, rows: int) -> Iterator[tuple[str, NDArray[np.int64], Callable[[], Any]]]:
    """Name, which dimensions of a vector it gets, in order, and how to make it."""
    import faiss

    inner = faiss.METRIC_INNER_PRODUCT
    for prefix, per_code, apart in (
        (64, 2, False),
        (128, 2, False),
        (192, 2, False),
        (256, 2, False),
        (256, 4, False),
        (256, 4, True),
    ):
        if prefix <= dim:
            codes = prefix // per_code
            yield (
                f"PQ fast-scan, {prefix} by {per_code}" + (", apart" if apart else ""),
                code_order(prefix, codes) if apart else np.arange(prefix),
                lambda p=prefix, c=codes: faiss.IndexPQFastScan(p, c, 4, inner),  # type: ignore[misc]
            )
    prefix = min(dim, 256)
    yield f"RaBitQ fast-scan, {prefix}", np.arange(prefix), lambda: faiss.IndexRaBitQFastScan(prefix, inner)
    short = min(dim, 128)
    yield (
        f"8 bits a dimension, {short}",
        np.arange(short),
        lambda: faiss.IndexScalarQuantizer(short, faiss.ScalarQuantizer.QT_8bit, inner),
    )
    lists = int(4 * rows**0.5)
    for probes in (lists // 64, lists // 16):

        def inverted(probes: int = probes) -> Any:
            index = faiss.index_factory(short, f"IVF{lists},PQ{short // 2}x4fs", inner)
            faiss.extract_index_ivf(index).nprobe = probes
            return index

        yield f"IVF, {probes} of {lists} lists, {short} by 2", np.arange(short), inverted
    yield (
        f"HNSW of 16 links, {short}",
        np.arange(short),
        lambda: faiss.index_factory(short, "HNSW16_SQ8", inner),
    )


def measured(
    index: Any,
    order: NDArray[np.int64],
    ids: NDArray[np.int64],
    rows: NDArray[np.int8],
    asked: NDArray[np.float32],
    nearest: NDArray[np.int64],
    effort: int,
) -> str:
    """Recall@10 and median time of first stage and rescoring."""
    found, seconds = 0, []
    for query, truth in zip(asked, nearest, strict=True):
        started = time.perf_counter()
        listed = index.search(np.ascontiguousarray(query[None, order]), effort)[1][0]
        passage_ids, scores = scored(ids, rows, listed[listed >= 0], query)
        top = passage_ids[np.argsort(-scores)[:10]]
        seconds.append(time.perf_counter() - started)
        found += len(set(top.tolist()) & set(truth.tolist()))
    return f"{found / nearest.size:.3f} {1000 * float(np.median(seconds)):.2f} ms"


if __name__ == "__main__":
    main()
