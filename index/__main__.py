"""`python -m index`: the command `index`."""

from index.cli import main

main()
