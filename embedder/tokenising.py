"""Texts to flat arrays of token ids, by the fastest tokenizer that is proven to give the right ones.

`tokenizers` (Hugging Face) is the authority. The compiled core is twenty times as fast, and reads only tokenizers whose
form it follows in every part. For the packaged one the tests prove that its ids are the same; for any other, a set of
awkward texts does when it is first used.
"""

from collections.abc import Sequence
from filecmp import cmp
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder.core import native
from sakuin.embedder.errors import ModelError
from sakuin.embedder.folder import DEFAULT_FOLDER
from sakuin.embedder.unigram import compiled_tokenizer

if TYPE_CHECKING:
    import tokenizers

# Below this many texts, proving a tokenizer costs more than it saves.
PROVEN_FROM = 256

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

    def compiled(self, texts: int) -> object | None:
        """The tokenizer for the compiled core; None where there is none, or so few texts do not repay its proof."""
        known = self._is_packaged or "_proven" in vars(self) or texts >= PROVEN_FROM
        return self._proven if known else None

    @cached_property
    def _is_packaged(self) -> bool:
        packaged = DEFAULT_FOLDER / "tokenizer.json"
        return self.path == packaged or (self.path.is_file() and cmp(self.path, packaged, shallow=False))

    @cached_property
    def _proven(self) -> object | None:
        tokenizer = compiled_tokenizer(self.path)
        if tokenizer is None or self._is_packaged:
            return tokenizer
        ids, lengths = self._encode_compiled(tokenizer, PROBES)
        expected_ids, expected_lengths = self._encode_exact(PROBES)
        same = np.array_equal(ids, expected_ids) and np.array_equal(lengths, expected_lengths)
        return tokenizer if same else None

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Token ids of all texts end to end (ids,) and their number for each text (texts,), both int64."""
        texts = list(texts)
        try:
            return self._encode(texts)
        except (UnicodeEncodeError, TypeError):
            # A lone surrogate cannot be encoded as UTF-8; it becomes U+FFFD like any undecodable byte. The compiled
            # core raises the one error over it, `tokenizers` the other.
            return self._encode([replace_lone_surrogates(text) for text in texts])

    def _encode(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        tokenizer = self.compiled(len(texts))
        return self._encode_exact(texts) if tokenizer is None else self._encode_compiled(tokenizer, texts)

    def _encode_compiled(self, tokenizer: object, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        assert native is not None
        found, counted = native.token_ids(tokenizer, texts, 0, len(texts))
        ids, lengths = (np.frombuffer(values, np.int32).astype(np.int64) for values in (found, counted))
        awkward = np.flatnonzero(lengths < 0)
        if len(awkward):
            lengths[awkward] = 0
            places = np.cumsum(lengths)[awkward]
            more, counts = self._encode_exact([texts[row] for row in awkward.tolist()])
            ids = np.insert(ids, np.repeat(places, counts), more)
            lengths[awkward] = counts
        return ids, lengths

    def _encode_exact(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        encodings = self.exact.encode_batch_fast(list(texts), add_special_tokens=False)
        rows = [encoding.ids for encoding in encodings]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        ids = np.fromiter((i for row in rows for i in row), np.int64, int(lengths.sum()))
        return ids, lengths


def replace_lone_surrogates(text: str) -> str:
    """The text with each unpaired surrogate replaced by U+FFFD; pairs become the character they stand for."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
