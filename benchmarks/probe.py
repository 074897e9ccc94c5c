"""What `benchmarks.compare` runs in each of two checkouts: it knows nothing but the public API, which both have.

Requests and answers are lines of JSON, by standard input and output.
"""

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any


def main(home: str) -> None:
    """Answer requests until there are no more.

    Args:
        home: The folder that sakuin must have been imported from.
    """
    import sakuin
    from sakuin import Searcher, StaticEmbedder

    if not Path(str(sakuin.__file__)).is_relative_to(home):
        raise SystemExit(f"sakuin was imported from {sakuin.__file__}, not from {home}")
    model = StaticEmbedder.load()
    searchers: dict[str, Searcher] = {}

    def encode(texts: list[str], dim: int) -> float:
        started = time.perf_counter()
        model.encode(texts, truncate_dim=dim)
        return time.perf_counter() - started

    def search(index: str, queries: list[str]) -> float:
        searcher = searchers.get(index) or searchers.setdefault(index, Searcher.open(index))
        seconds = []
        for query in queries:
            started = time.perf_counter()
            searcher.search(query)
            seconds.append(time.perf_counter() - started)
        return statistics.median(seconds)

    answers: dict[str, Any] = {"encode": encode, "search": search}
    for line in sys.stdin:
        request = json.loads(line)
        seconds = answers[request.pop("do")](**request)
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
