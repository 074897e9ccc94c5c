"""`python -m training`: tokenizer, run."""

from training.cli import main

main()
