"""`python -m evaluation` from a clone; its code is in sakuin/evaluation."""

from sakuin.cli.evaluation import main

if __name__ == "__main__":
    main("python -m evaluation")
