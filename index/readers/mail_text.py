"""The text of a mail as its reader sees it: lines that were broken to travel are whole again."""

from email.message import Message

from sakuin.index.readers.encoding import decode

_SIGNATURE = "-- "
_UTF7 = frozenset({"utf-7", "unicode-1-1-utf-7"})


def text_of(part: "Message[str, str]", data: bytes) -> str:
    """The text of a part of a mail.

    Args:
        part: With its headers.
        data: Its bytes.

    Raises:
        ReadError: If its encoding cannot be told for certain.
    """
    charset = part.get_content_charset()
    text = _utf7(data) if charset in _UTF7 else None
    if text is None:
        text = decode(data, charset)[0]
    if part.get_content_type() == "text/plain" and _parameter(part, "format") == "flowed":
        return unflowed(text, without_space=_parameter(part, "delsp") == "yes")
    return text


def _utf7(data: bytes) -> str | None:
    try:
        return data.decode("utf-7")
    except UnicodeDecodeError:
        return None


def _parameter(part: "Message[str, str]", name: str) -> str:
    return str(part.get_param(name) or "").strip().lower()


def unflowed(text: str, *, without_space: bool) -> str:
    """Join the lines of RFC 3676 that a program broke: those that end in a space go on in the next one.

    Args:
        text: The body.
        without_space: Whether that space was put there too, as it is where words are not parted by spaces.
    """
    joined: list[list[str]] = []
    depth, goes_on = 0, False
    for line in text.replace("\r\n", "\n").split("\n"):
        quotes = len(line) - len(line.lstrip(">"))
        words = line[quotes:].removeprefix(" ")
        if goes_on and quotes == depth and words != _SIGNATURE:
            joined[-1].append(words)
        else:
            joined.append([f"{'>' * quotes} {words}" if quotes else words])
        depth, goes_on = quotes, words.endswith(" ") and words != _SIGNATURE
        if goes_on and without_space:
            joined[-1][-1] = joined[-1][-1][:-1]
    return "\n".join(map("".join, joined))
