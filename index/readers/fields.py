"""The names by which tables and JSON Lines call a document's text and title, in Japanese and English."""

from collections.abc import Iterable

TEXT_NAMES = ("text", "body", "content", "passage", "本文", "内容")
TITLE_NAMES = ("title", "name", "題名", "タイトル", "件名")
ID_NAMES = ("id", "docid", "_id", "uri")


def named(names: tuple[str, ...], keys: Iterable[str]) -> list[str]:
    """Return the keys that are among ``names``, whatever their case, in the order of ``names``."""
    found = {key.strip().lower(): key for key in reversed(list(keys))}
    return [found[name] for name in names if name in found]
