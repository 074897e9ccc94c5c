"""`python -m sakuin.training`: tokenizer, run."""

from sakuin.cli.training import main

main(f"python -m {__package__}")
