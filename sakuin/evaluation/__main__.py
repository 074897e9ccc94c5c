"""`python -m sakuin.evaluation`: figures of a model, of BM25 and of hybrid search."""

from sakuin.cli.evaluation import main

main(f"python -m {__package__}")
