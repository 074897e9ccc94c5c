"""Vectors of texts by what tells these texts from one another, for clustering."""

import numpy as np
from numpy.typing import NDArray

# More help no set of texts, however large, and a text's vector is not to grow with their number.
MOST_COMPONENTS = 64
# Vectors that are copied at a time.
CENTRED_TOGETHER = 8192


def principal_components(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The first principal components of vectors, as many as the square root of their number and 64 at most.

    k-means works in the subspace in which texts differ most (Ding & He 2004, doi:10.1145/1015330.1015408): what all of
    them share says nothing of a text, and in the other dimensions of a thousand there is more noise than theme, the
    more so the fewer texts there are.

    Args:
        vectors: float32 (n, dim), of length 1; those of length 0 take no part and stay 0.

    Returns:
        float32 (n, components), at most ``dim`` of them, longest first; zeros where nothing tells a text from the
        others, as a single one. Signs of components are arbitrary.
    """
    there: NDArray[np.bool_] = np.any(vectors, axis=1, keepdims=True)
    known = int(there.sum())
    mean = (vectors.sum(axis=0, dtype=np.float64) / max(known, 1)).astype(np.float32)
    blocks = [slice(start, start + CENTRED_TOGETHER) for start in range(0, len(vectors), CENTRED_TOGETHER)]

    def centred(block: slice) -> NDArray[np.float32]:
        part: NDArray[np.float32] = (vectors[block] - mean) * there[block]
        return part

    scatter = np.zeros((vectors.shape[1],) * 2)
    for block in blocks:
        part = centred(block)
        scatter += part.T @ part
    components = min(MOST_COMPONENTS, vectors.shape[1], max(1, round(known**0.5)))
    _, directions = np.linalg.eigh(scatter)
    longest = directions[:, ::-1][:, :components].astype(np.float32)
    found = np.empty((len(vectors), components), np.float32)
    for block in blocks:
        found[block] = centred(block) @ longest
    return found
