"""Vectors of texts by what tells these texts from one another, for clustering."""

import numpy as np
from numpy.typing import NDArray

# More help no set of texts, however large, and a text's vector is not to grow with their number.
MOST_COMPONENTS = 64


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
    there = vectors.any(axis=1)
    known = vectors[there]
    components = min(MOST_COMPONENTS, vectors.shape[1], max(1, round(len(known) ** 0.5)))
    found = np.zeros((len(vectors), components), np.float32)
    if len(known):
        known -= known.mean(axis=0, dtype=np.float64).astype(np.float32)
        _, directions = np.linalg.eigh((known.T @ known).astype(np.float64))
        found[there] = known @ directions[:, ::-1][:, :components].astype(np.float32)
    return found
