"""`python -m evaluation`: figures of a model, of BM25 and of hybrid search."""

from evaluation.cli import main

main()
