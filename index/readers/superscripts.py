"""Text that is set above the line: a note's mark must not become a part of the word before it, as in "revenue1"."""

import re

# Of these a power is read as one word with them: m2, cm3, mc2; CO2 is often raised, too.
_POWERS_OF = frozenset({"cm", "mm", "km", "nm", "dm", "μm", "µm", "ft", "in", "yd", "mi", "mc", "CO"})
_LAST_WORD = re.compile(r"[^\W\d_]+\Z|\d\Z")
_ROMAN = re.compile(r"[IVXLCDM]+")
_JAPANESE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_LONGEST_WORD = 64


def separator(before: str, raised: str, *, is_note: bool = False) -> str:
    """Return what stands between a text and what is raised above the line behind it.

    Args:
        before: The text before.
        raised: What is raised.
        is_note: Whether it is known for the mark of a note, and cannot be a power.

    Returns:
        "" in "1st" and "m2", "^" in "10^6", and " " in "revenue 1".
    """
    last = _LAST_WORD.search(before[-_LONGEST_WORD:])
    if not last or not raised:
        return ""
    word = last[0]
    if word.isdigit():
        if is_note and raised[0].isalnum():
            return " "
        return "^" if raised[0].isdigit() or raised[0] in "-−+" else ""
    if not raised[0].isalnum():
        return ""
    if _JAPANESE.match(word[-1]):
        return ""
    if is_note:
        return " "
    if len(word) == 1 or (word in _POWERS_OF and raised[0].isdigit()):
        return ""
    if raised.isalpha() and raised.islower() and (len(word) == 2 or _ROMAN.fullmatch(word)):
        return ""  # Mme, XVIIIe
    return " "
