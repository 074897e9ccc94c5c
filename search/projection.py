"""A map of an index: passages in two dimensions, the near ones near each other, in clusters with names.

Positions are those of t-SNE (van der Maaten & Hinton 2008) as openTSNE computes it (Poličar et al. 2024), from
neighbours that FAISS finds; openTSNE comes with the extra ``map``. Where it is not installed, clusters are laid out
instead and passages within them: approximate, and the projection says so. docs/experiments/maps.md compares others.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder.components import principal_components
from sakuin.embedder.model import normalize_rows
from sakuin.files import atomic_write, cache_folder
from sakuin.index.snapshot import Snapshot
from sakuin.index.text import Analyser
from sakuin.index.vectors import Vectors
from sakuin.patterns import pattern

MOST_PASSAGES = 50_000
"""A larger index is shown by a sample of so many passages."""

VERSION = 2
"""Changes with every change of this module that may change a position, a cluster or a label."""

Method = Literal["tsne", "clusters"]
Step = Literal["neighbours", "positions", "labels"]
Progress = Callable[[float, Step], None]
"""Told how much is done, 0 to 1, and what is being done. What it raises ends the work; nothing is left behind."""

SEED = 1
PERPLEXITY = 15
# Iterations of openTSNE: more move the clusters apart, but keep no more neighbours.
EARLY, LATE = 125, 250
# t-SNE has nothing to do for fewer.
FEW = 10
# From so many on neighbours are sought in a part of the vectors only, the part FAISS finds nearest.
SEARCHED_EXACTLY = 5_000
PROBED = 16
ONE_THREAD = 1_000

MOST_CLUSTERS = 24
PER_CLUSTER = 25
# In the layout without openTSNE: more, smaller clusters keep more neighbours together.
MOST_LAID_OUT = 200
SPREAD_STEPS = 300

# A label is made of the words of so many passages of the cluster.
LABELLED_BY = 200
LABEL_WORDS = 3

# The position of a query is that of so many passages nearest to it.
NEAREST = 10

# Verbs and adjectives in their dictionary form, and words all of hiragana.
_says_little = pattern("[うくぐすつぬぶむるい]$|^[ぁ-ゖ]+$")
# English words that set English passages apart from Japanese ones, and nothing else.
_SMALL_WORDS = frozenset(
    """about after all also an and any are as at be because been before but by can could did do does each for from get
    had has have he her here his how if in into is it its just may me more most must my no not of off on one only or
    other our out over per she should so some such than that the their them then there these they this those through
    to too two up use used was we were what when where which while who will with within would you your""".split()  # noqa: SIM905, for a list of them would be four times as long
)

MAPS = "maps"
"""Part of the user's cache in which maps are kept: an index may be read-only and holds only what was committed."""

MAPS_KEPT = 8


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Where passages are on the map.

    Attributes:
        passage_ids: int64 (n,), the passages, ascending.
        positions: float32 (n, 2), from -1 to 1; only distances mean something, and only small ones.
        clusters: int64 (n,), numbers of clusters, from 0, the largest first.
        labels: Of each cluster, its most characteristic words, parted by "・" or ", "; "" where it has none.
        method: What positions were made by.
        sampled: Whether the index holds more passages than these, besides those the model knows nothing of.
    """

    passage_ids: NDArray[np.int64]
    positions: NDArray[np.float32]
    clusters: NDArray[np.int64]
    labels: tuple[str, ...]
    method: Method
    sampled: bool


def available_method() -> Method:
    """What positions can be made by here."""
    return "tsne" if find_spec("openTSNE") else "clusters"


def project(
    snapshot: Snapshot, most: int = MOST_PASSAGES, progress: Progress | None = None, method: Method | None = None
) -> Projection:
    """The map of an index, made or, if it was made before and nothing of it has changed, read from the user's cache.

    Args:
        snapshot: Of the index.
        most: Show so many passages at most.
        progress: Called in the calling thread.
        method: "tsne" needs openTSNE; None for the best there is.
    """
    report = progress or ignore
    method = method or available_method()
    passage_ids, vectors = snapshot.vectors.sample(most)
    sampled = len(snapshot.vectors) > len(passage_ids)
    path = cache_folder(MAPS) / f"{cache_key(snapshot, passage_ids, method)}.npz"
    if (known := read_projection(path, sampled)) is not None:
        return known
    # A passage of nothing the model knows has no place.
    seen = vectors.any(axis=1)
    passage_ids, vectors = passage_ids[seen], vectors[seen]
    report(0.0, "neighbours")
    clusters = by_size(nearest_centroids(vectors, cluster_count(len(vectors))))
    positions = tsne(vectors, report) if method == "tsne" else laid_out(vectors)
    report(0.9, "labels")
    labels = cluster_labels(snapshot, passage_ids, clusters)
    made = Projection(passage_ids, fitted(positions), clusters, labels, method, sampled)
    write_projection(path, made)
    report(1.0, "labels")
    return made


def ignore(done: float, step: Step) -> None:
    """Report to nobody."""


def cluster_count(n: int) -> int:
    """How many clusters of so many passages."""
    return max(1, min(MOST_CLUSTERS, n // PER_CLUSTER))


def nearest_centroids(vectors: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """int64 (n,): clusters of vectors (n, d) of length 1, by spherical k-means."""
    if k == 1:
        return np.zeros(len(vectors), np.int64)
    import faiss

    means = faiss.Kmeans(
        vectors.shape[1], k, niter=10, spherical=True, seed=SEED, min_points_per_centroid=1, max_points_per_centroid=256
    )
    # Its steps are so short that threads mostly wait for one another: 9 s in place of 0.5 on a busy machine.
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        means.train(vectors)
        nearest: NDArray[np.int64] = means.index.search(vectors, 1)[1][:, 0]
    finally:
        faiss.omp_set_num_threads(threads)
    return nearest


def by_size(clusters: NDArray[np.int64]) -> NDArray[np.int64]:
    """Clusters (n,), int64, renumbered, the largest 0; none is empty."""
    _, first, of_each, sizes = np.unique(clusters, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(sizes), np.int64)
    rank[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    numbers: NDArray[np.int64] = rank[of_each]
    return numbers


def tsne(vectors: NDArray[np.float32], report: Progress) -> NDArray[np.float32]:
    """float32 (n, 2): t-SNE of vectors (n, d) of length 1, from their first two principal components."""
    start = principal(vectors)
    if len(vectors) < FEW:
        return start
    from openTSNE import TSNE
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    neighbours, distances = nearest(vectors, int(3 * perplexity))
    report(0.25, "positions")
    found = PrecomputedNeighbors(neighbours, distances)
    # Threads that share out a few passages mostly wait for one another.
    jobs = -1 if len(vectors) > ONE_THREAD else 1
    affinities = PerplexityBasedNN(perplexity=perplexity, knn_index=found, n_jobs=jobs, random_state=SEED)
    done = 0

    def called(iteration: int, error: float, embedding: NDArray[np.float64]) -> None:
        nonlocal done
        done += 5
        report(0.25 + 0.65 * min(done / (EARLY + LATE), 1.0), "positions")

    # openTSNE wants a start of small distances.
    start *= 1e-4 / max(float(start[:, 0].std()), 1e-12)
    fitter = TSNE(
        early_exaggeration_iter=EARLY,
        n_iter=LATE,
        n_jobs=jobs,
        random_state=SEED,
        negative_gradient_method="fft" if jobs != 1 else "bh",
        callbacks=called,
        callbacks_every_iters=5,
    )
    return np.asarray(fitter.fit(affinities=affinities, initialization=start.astype(np.float64)), np.float32)


def nearest(vectors: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The k nearest others of n vectors of length 1: rows, int64 (n, k), and Euclidean distances, float64 (n, k)."""
    import faiss

    dim = vectors.shape[1]
    flat = faiss.IndexFlatIP(dim)
    index: faiss.Index = flat
    if len(vectors) > SEARCHED_EXACTLY:
        index = coarse = faiss.IndexIVFFlat(flat, dim, int(len(vectors) ** 0.5), faiss.METRIC_INNER_PRODUCT)
        coarse.cp.seed = SEED
        coarse.nprobe = PROBED
        coarse.train(vectors)
    index.add(vectors)
    cosines, found = index.search(vectors, k + 1)
    # FAISS gives -1 where it found too few; a passage far from all it was compared with is taken for its own neighbour.
    own = np.arange(len(vectors))[:, None]
    found = np.where(found < 0, own, found)
    distances = np.sqrt(np.maximum(2 - 2 * cosines.astype(np.float64), 0))
    # Each is its own nearest, but not always the first of several that are alike.
    order = np.argsort(np.where(found == own, -1.0, distances), axis=1, kind="stable")[:, 1:]
    return np.take_along_axis(found, order, 1), np.take_along_axis(distances, order, 1)


def principal(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (n, 2): the first two principal components of vectors (n, d)."""
    found = principal_components(vectors, 2)
    # An axis has no sign of its own; what is furthest out is made positive, so that maps are alike everywhere.
    turned = -found.min(axis=0, initial=0) > found.max(axis=0, initial=0)
    return np.where(turned, -found, found)


def laid_out(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (n, 2): small clusters beside each other, and in each its passages by their principal components."""
    clusters = nearest_centroids(vectors, max(1, min(MOST_LAID_OUT, len(vectors) // PER_CLUSTER)))
    number = int(clusters.max(initial=-1)) + 1
    if number < 3:
        return principal(vectors)
    sums = np.zeros((number, vectors.shape[1]), np.float32)
    np.add.at(sums, clusters, vectors)
    normalize_rows(sums, sums)
    centres = principal(sums)
    centres /= max(float(centres.std()), 1e-12)
    # They push each other apart and are drawn to the middle, so that none covers another.
    for _ in range(SPREAD_STEPS):
        apart = centres[:, None] - centres[None]
        squares = (apart**2).sum(axis=2)[..., None] + 1e-3
        centres = centres + 0.05 * (apart / squares).mean(axis=1) - 0.002 * centres
    positions = np.empty((len(vectors), 2), np.float32)
    radius = 0.35 * float(np.sqrt(np.median(np.sort(squares[..., 0], axis=1)[:, 1])))
    for cluster in range(number):
        here = clusters == cluster
        spread = principal(vectors[here])
        spread /= max(float(np.abs(spread).max(initial=0)), 1e-12)
        positions[here] = centres[cluster] + radius * spread
    return positions


def fitted(positions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Positions (n, 2), float32, moved and scaled alike in both directions to -1 to 1."""
    if not len(positions):
        return positions
    low, high = positions.min(axis=0), positions.max(axis=0)
    scaled: NDArray[np.float32] = (positions - (low + high) / 2) / max(float((high - low).max()) / 2, 1e-12)
    return scaled.astype(np.float32)


def cluster_labels(snapshot: Snapshot, passage_ids: NDArray[np.int64], clusters: NDArray[np.int64]) -> tuple[str, ...]:
    """The most characteristic words of each cluster's passages.

    A word's weight is the share of the cluster's passages that have it, times the logarithm of that share over its
    share in all clusters: its part of the Kullback-Leibler divergence, much as class-based tf-idf (Grootendorst 2022).
    """
    number = int(clusters.max(initial=-1)) + 1
    # Contents are hashes, so the first of a cluster are a random sample.
    some = [passage_ids[clusters == cluster][:LABELLED_BY].tolist() for cluster in range(number)]
    texts = snapshot.glimpses([passage_id for members in some for passage_id in members])
    shares: list[dict[str, float]] = []
    forms: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for members in some:
        counts: Counter[str] = Counter()
        for passage_id in members:
            if passage_id in texts:
                counts.update(label_words(snapshot.terms.analyser, texts[passage_id].text, forms))
        shares.append({word: count / len(members) for word, count in counts.items()})
    sums: Counter[str] = Counter()
    for own in shares:
        sums.update(own)
    labels = []
    for own in shares:
        weights = {word: share * np.log(share * number / sums[word] + 1e-9) for word, share in own.items()}
        if number == 1:
            weights = own
        best = sorted((word for word in weights if weights[word] > 0), key=lambda word: (-weights[word], word))
        shown = [forms[word].most_common(1)[0][0] for word in best[:LABEL_WORDS]]
        labels.append((", " if all(word.isascii() for word in shown) else "・").join(shown))
    return tuple(labels)


def label_words(analyser: Analyser, text: str, forms: defaultdict[str, Counter[str]]) -> set[str]:
    """The words of a text that may stand in a label; the forms in which they stand there are added to ``forms``."""
    found = set()
    for term, form in analyser.words(text):
        if len(term) < 2 or term.isdecimal() or form.lower() in _SMALL_WORDS:
            continue
        if not _says_little.search(term):
            found.add(term)
            forms[term][form.lower() if form.isascii() else form] += 1
    return found


def placed(projection: Projection, vectors: Vectors, queries: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (m, 2): where queries (m, d), of length 1, belong on the map.

    Each at the one of the passages nearest to it from which the others are least far, weighted by their cosines: unlike
    a mean, such a median is never between two clusters. A query with nothing near it is in the middle.
    """
    shown = np.zeros((len(queries), 2), np.float32)
    if not len(projection.passage_ids) or not len(queries):
        return shown
    cosines = queries @ vectors.rows(projection.passage_ids, queries.shape[1]).T
    for place, row in enumerate(cosines):
        best = np.argsort(-row, kind="stable")[:NEAREST]
        best = best[row[best] > 0]
        if len(best):
            positions = projection.positions[best]
            apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
            shown[place] = positions[int(np.argmin(apart @ row[best]))]
    return shown


def cache_key(snapshot: Snapshot, passage_ids: NDArray[np.int64], method: Method) -> str:
    """The same for the same passages encoded by the same model, wherever the index is and however often committed."""
    manifest = snapshot.manifest
    about = f"{VERSION} {method} {manifest.fingerprint} {manifest.dim} {manifest.analyser} "
    return blake2b(about.encode() + passage_ids.astype("<i8").tobytes(), digest_size=16).hexdigest()


def read_projection(path: Path, sampled: bool) -> Projection | None:
    """A map that was kept; None where there is none or it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            passage_ids, positions, clusters = arrays["passage_ids"], arrays["positions"], arrays["clusters"]
            labels, method = arrays["labels"].tolist(), str(arrays["method"])
        number = len(passage_ids)
        if positions.shape != (number, 2) or clusters.shape != (number,) or not np.isfinite(positions).all():
            return None
        if number and not 0 <= clusters.min() <= clusters.max() < len(labels):
            return None
        path.touch()
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    return Projection(
        passage_ids, positions, clusters, tuple(labels), "tsne" if method == "tsne" else "clusters", sampled
    )


def write_projection(path: Path, made: Projection) -> None:
    """Keep a map, in place of those not looked at for longest; does nothing where it cannot be kept."""
    try:
        with atomic_write(path) as part, part.open("wb") as file:
            np.savez_compressed(
                file,
                passage_ids=made.passage_ids,
                positions=made.positions,
                clusters=made.clusters,
                labels=np.array(made.labels, np.str_),
                method=np.array(made.method),
            )
        oldest_last = sorted(path.parent.glob("*.npz"), key=lambda kept: kept.stat().st_mtime, reverse=True)
        remove(oldest_last[MAPS_KEPT:])
    except OSError:
        pass


def remove(paths: Sequence[Path]) -> None:
    """Delete files that may be gone already."""
    for path in paths:
        path.unlink(missing_ok=True)
