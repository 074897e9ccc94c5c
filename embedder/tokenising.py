"""Texts to flat arrays of token ids, by the fastest tokenizer that is proven to give the right ones.

`tokenizers` (Hugging Face) is the authority. `tokie` is several times faster but silently skips parts of some
tokenizer files, so it is used only for tokenizers whose form it is known to follow and for which, on loading, it gives
the same ids as `tokenizers` on a set of awkward texts.
"""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder.errors import ModelError

if TYPE_CHECKING:
    import tokenizers
    import tokie

# Below this many texts, loading and proving tokie costs more than it saves.
FAST_FROM = 256

# What tokenizers disagree about: width, case, kana with marks, compatibility forms, spaces, controls, emoji, rare
# scripts, unknown characters, special pieces in plain text, numbers, long repeats.
PROBES = (
    "",
    " ",
    "\n",
    "吾輩は猫である。名前はまだ無い。",
    "東京特許許可局で、２０２４年度の㈱サクイン（ＡＢＣ）を検索する。",
    "ﾊﾝｶｸｶﾀｶﾅ と ﾞ濁点ﾟ、ガギグ が゛ か\u3099",
    "  leading,   inner \t tabs\u00a0and\u3000ideographic spaces  ",
    "line one\nline two\r\nline three",
    "The quick brown fox doesn't jump over 3,141.59 lazy dogs; naïve café cafe\u0301.",
    "①②③ ⅣⅤ ㍿ ㌔ ﬁ ﬂ ½ ™ № ℃ ‥ … ―— – ~ ～ 〜",
    "😀👩‍👩‍👧‍👦🇯🇵 ✈️ 🫠",
    "Привет мир, 안녕하세요 세계, مرحبا بالعالم, שלום, สวัสดี, नमस्ते, 你好世界",
    "\u0001",
    "\u001f\u0002",
    "\u0000\u0007\u200b\u200e\u202e\ufeff\ufffd\ue000\U000f0000",
    "<s> </s> <pad> <unk> <mask> [CLS] ▁ ▁▁",
    "http://example.com/a?b=c&d=e#f foo_bar-baz.py C++ AB-1234 v1.2.3",
    "あ" * 300 + "x" * 300 + "。" * 50,
    "髙橋﨑𠮷野家𩸽 〆切 々 ゝゞ ヶ ヵ ヷ",
    "ＡＢＣａｂｃ　１２３！？｢｣､｡",
)


class FlatTokenizer:
    """Token ids of many texts as two flat arrays; special tokens are never added."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet.

        Args:
            path: A ``tokenizer.json``.
        """
        self.path = path

    @cached_property
    def exact(self) -> "tokenizers.Tokenizer":
        """The `tokenizers` tokenizer, without padding; a model that cuts its texts goes on doing so."""
        from tokenizers import Tokenizer

        try:
            tokenizer = Tokenizer.from_file(str(self.path))
        except Exception as error:  # the library raises bare Exception
            raise ModelError(f"{self.path} cannot be read ({error}): fetch the model again.") from error
        tokenizer.no_padding()
        return tokenizer

    @cached_property
    def fast(self) -> "tokie.Tokenizer | None":
        """The `tokie` tokenizer, or None where its ids are not proven equal."""
        try:
            definition = json.loads(self.path.read_bytes())
        except ValueError:
            return None  # `exact` says what is wrong with it.
        if not has_known_form(definition):
            return None
        import tokie

        try:
            tokenizer = tokie.Tokenizer.from_json(str(self.path))
            tokenizer.no_padding()
            ids, lengths = self._encode_fast(tokenizer, PROBES)
        except (tokie.TokieError, ValueError):
            return None
        expected_ids, expected_lengths = self._encode_exact(PROBES)
        same = np.array_equal(ids, expected_ids) and np.array_equal(lengths, expected_lengths)
        return tokenizer if same else None

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Token ids of all texts end to end (ids,) and their number for each text (texts,), both int64."""
        try:
            return self._encode(texts)
        except (UnicodeEncodeError, TypeError):
            # A lone surrogate cannot be encoded as UTF-8; it becomes U+FFFD like any undecodable byte. `tokie` raises
            # the one error over it, `tokenizers` the other.
            return self._encode([replace_lone_surrogates(text) for text in texts])

    def _encode(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if len(texts) < FAST_FROM or self.fast is None:
            return self._encode_exact(texts)
        return self._encode_fast(self.fast, texts)

    def _encode_fast(
        self, fast: "tokie.Tokenizer", texts: Sequence[str]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        ids, lengths = fast.encode_batch_flat(list(texts), add_special_tokens=False)  # type: ignore[attr-defined]
        ids, lengths = ids.astype(np.int64), lengths.astype(np.int64)
        # A text of nothing but control characters has no token; tokie gives it the lone word mark "▁".
        mark = self.exact.token_to_id("▁")
        single = np.flatnonzero(lengths == 1)
        single = single[ids[np.cumsum(lengths)[single] - 1] == mark]
        empty = [row for row in single.tolist() if not self._encode_exact([texts[row]])[1][0]]
        if empty:
            ids = np.delete(ids, np.cumsum(lengths)[empty] - 1)
            lengths[empty] = 0
        return ids, lengths

    def _encode_exact(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        encodings = self.exact.encode_batch_fast(list(texts), add_special_tokens=False)
        rows = [encoding.ids for encoding in encodings]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        ids = np.fromiter((i for row in rows for i in row), np.int64, int(lengths.sum()))
        return ids, lengths


def has_known_form(definition: dict[str, Any]) -> bool:
    """Whether a tokenizer has XLM-RoBERTa's form, every part of which tokie is known to follow."""
    normalizer = definition.get("normalizer") or {}
    steps = normalizer.get("normalizers", [normalizer])
    kinds = [step.get("type") for step in steps]
    model = definition.get("model") or {}
    return (
        model.get("type") == "Unigram"
        and not model.get("byte_fallback")
        and not definition.get("truncation")
        and kinds.count("Precompiled") == 1
        and set(kinds) <= {"Precompiled", "Replace", "Strip"}
    )


def replace_lone_surrogates(text: str) -> str:
    """The text with each unpaired surrogate replaced by U+FFFD; pairs become the character they stand for."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
