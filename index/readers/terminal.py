"""What programs write for terminals: colours and bold letters, which are no part of any word."""

import re

# Escape sequences: of colours and the cursor, of titles and links, and those of one letter.
_COLOURS = r"\[[0-?]{0,100}+[ -/]{0,10}+[@-~]"  # and where the cursor stands
_TITLES = r"\][^\x07\x1b\n]{0,2000}+(?:\x07|\x1b\\)"  # and links
_SEQUENCE = re.compile(rf"\x1b(?:{_COLOURS}|{_TITLES}|[ -/]{{1,3}}[0-~]|[0-Z\\^_a-z])")
_STRUCK_OVER = re.compile("[^\n\b]\b")
"""A letter and the step back after it: pages of manuals print letters twice for bold, and over a line."""


def without_sequences(text: str) -> str:
    """The text as a terminal shows it, without colours."""
    if "\x1b" in text:
        text = _SEQUENCE.sub("", text)
    return _STRUCK_OVER.sub("", text) if "\b" in text else text
