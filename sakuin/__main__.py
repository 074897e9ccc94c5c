"""`python -m sakuin`: the command `index`."""

from sakuin.cli.main import main

main()
