"""Side-by-side speed against the real alternatives; run as modules, `python -m benchmarks.encode`."""
