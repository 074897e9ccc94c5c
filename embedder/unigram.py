"""Unigram tokenizers as the compiled core reads them: those of XLM-RoBERTa's form, every part of which it follows."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from sakuin.embedder.core import native

WORD_MARK = "▁"
# The core looks for each at every place: with more of them `tokenizers` is faster.
MOST_SPECIALS = 256


def compiled_tokenizer(path: Path) -> object | None:
    """What the compiled core needs of a ``tokenizer.json``; None where it has another form, or there is no core."""
    if native is None:
        return None
    try:
        definition = orjson.loads(path.read_bytes())
        model = definition["model"]
        if model["type"] != "Unigram" or model.get("byte_fallback") or definition.get("truncation"):
            return None
        charsmap, strip_right = normaliser_of(definition.get("normalizer") or {})
        specials = [special_of(token) for token in definition.get("added_tokens") or []]
        if len(specials) > MOST_SPECIALS:
            return None
        tokenizer: object = native.tokenizer(
            [piece for piece, _ in model["vocab"]],
            np.array([score for _, score in model["vocab"]], np.float64),
            model["unk_id"],
            charsmap,
            specials,
            strip_right,
            splits_at_white_space(definition.get("pre_tokenizer") or {}),
        )
        return tokenizer
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        # Another form; or damaged, of which `tokenizers` says what is wrong.
        return None


def normaliser_of(normalizer: dict[str, Any]) -> tuple[bytes, bool]:
    """The map of characters, and whether spaces at the end are taken off; raises ValueError for another form."""
    first, *more = normalizer.get("normalizers", [normalizer])
    strips = bool(more) and more[0] == {"type": "Strip", "strip_left": False, "strip_right": True}
    (merging,) = more[strips:]
    spaces = {"type": "Replace", "pattern": {"Regex": " {2,}"}}
    if first["type"] != "Precompiled" or merging not in [{**spaces, "content": mark} for mark in (" ", WORD_MARK)]:
        raise ValueError("the normaliser has another form")
    return base64.b64decode(first["precompiled_charsmap"], validate=True), strips


def splits_at_white_space(pre_tokenizer: dict[str, Any]) -> bool:
    """Whether white space only parts words; raises ValueError for another form."""
    *before, marks = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    # Files of older versions say `add_prefix_space` in place of the scheme.
    scheme = marks.get("prepend_scheme", "always" if marks.get("add_prefix_space") else None)
    known = marks["type"] == "Metaspace" and marks["replacement"] == WORD_MARK and marks.get("split", True)
    if not known or scheme != "always" or before not in ([], [{"type": "WhitespaceSplit"}]):
        raise ValueError("the pre-tokenizer has another form")
    return bool(before)


def special_of(token: dict[str, Any]) -> tuple[str, bool]:
    """An added token, and whether it is looked for in normalised text; raises ValueError where that may change it."""
    content, normalized = token["content"], bool(token["normalized"])
    if normalized and not (content.isascii() and content.isprintable() and " " not in content):
        raise ValueError("the normaliser may change an added token")
    return content, normalized
