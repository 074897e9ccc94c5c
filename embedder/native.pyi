from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

INTERFACE: int

def tokenizer(
    pieces: list[str],
    scores: NDArray[np.float64],
    unknown: int,
    charsmap: bytes,
    specials: list[tuple[str, bool]],
    strip_right: bool,
    split_whitespace: bool,
    /,
) -> object: ...
def token_ids(tokenizer: object, texts: Sequence[str], start: int, stop: int, /) -> tuple[bytes, bytes]: ...
def vectors(
    tokenizer: object,
    texts: Sequence[str],
    start: int,
    stop: int,
    table: NDArray[np.int8] | NDArray[np.float32],
    scale: NDArray[np.float32] | NDArray[np.int8],
    directions: NDArray[np.int8],
    squares: NDArray[np.float32] | NDArray[np.int8],
    weighing: tuple[int, bool, float, float],
    out: NDArray[np.float32],
    dim: int,
    /,
) -> list[int]: ...
def interactions(
    table: NDArray[np.int8],
    width: int,
    dim: int,
    query: NDArray[np.int32],
    weights: NDArray[np.float64],
    ids: NDArray[np.int32],
    lengths: NDArray[np.int32],
    windows: NDArray[np.int32],
    out: NDArray[np.float64],
    /,
) -> None: ...
def bag(
    tokenizer: object,
    texts: list[str],
    table: NDArray[np.int8] | NDArray[np.float32],
    scale: NDArray[np.float32] | NDArray[np.int8],
    directions: NDArray[np.int8],
    squares: NDArray[np.float32] | NDArray[np.int8],
    weighing: tuple[int, bool, float, float],
    /,
) -> tuple[bytes, bytes] | None: ...
def cosines(
    rows: NDArray[np.int8],
    width: int,
    indices: NDArray[np.int64],
    query: NDArray[np.int32],
    out: NDArray[np.float32],
    /,
) -> None: ...
def fuses() -> bool: ...
