"""Vectors by their principal components: for clustering, and for maps."""

import numpy as np
from numpy.typing import NDArray

# More help no set of texts, however large, and a text's vector is not to grow with their number.
MOST_FOR_CLUSTERING = 64
# Vectors that are copied at a time.
CENTRED_TOGETHER = 8192


def for_clustering(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The principal components by which vectors differ, as many as the square root of their number, 64 at most.

    k-means works in the subspace in which texts differ most (Ding & He 2004, doi:10.1145/1015330.1015408): what all of
    them share says nothing of a text, and in the other dimensions of a thousand there is more noise than theme, the
    more so the fewer texts there are.

    Args:
        vectors: float32 (n, dim), of length 1; those of length 0 take no part and stay 0.

    Returns:
        As `principal_components`.
    """
    there = vectors.any(axis=1)
    known = vectors if there.all() else vectors[there]
    components = min(MOST_FOR_CLUSTERING, vectors.shape[1], max(1, round(len(known) ** 0.5)))
    found = np.zeros((len(vectors), components), np.float32)
    found[there] = principal_components(known, components)
    return found


def principal_components(vectors: NDArray[np.float32], components: int) -> NDArray[np.float32]:
    """The first principal components of vectors.

    Args:
        vectors: float32 (n, dim).
        components: How many.

    Returns:
        float32 (n, components), longest first; zeros where nothing tells a vector from the others, as a single one.
        Signs of components are arbitrary.
    """
    number, dim = vectors.shape
    found = np.zeros((number, components), np.float32)
    if number < 2:
        return found
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    kept = min(components, number, dim)
    if number < dim:
        # Of few vectors their products with one another are the smaller matrix, and have the same components.
        few = (vectors - mean).astype(np.float64)
        values, axes = np.linalg.eigh(few @ few.T)
        found[:, :kept] = (axes * np.sqrt(np.maximum(values, 0)))[:, ::-1][:, :kept]
        return found
    blocks = [slice(start, start + CENTRED_TOGETHER) for start in range(0, number, CENTRED_TOGETHER)]
    scatter = np.zeros((dim, dim))
    for block in blocks:
        centred = vectors[block] - mean
        scatter += centred.T @ centred
    longest = np.linalg.eigh(scatter)[1][:, ::-1][:, :kept].astype(np.float32)
    for block in blocks:
        found[block, :kept] = (vectors[block] - mean) @ longest
    return found
