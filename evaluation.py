"""`python -m evaluation`, as before; its code is in sakuin/evaluation."""

from sakuin.cli.evaluation import main

if __name__ == "__main__":
    main()
