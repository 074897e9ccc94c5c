"""`python -m sakuin`: the command `index`."""

from sakuin.cli.index import main

main()
