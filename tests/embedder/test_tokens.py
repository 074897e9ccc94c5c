"""The tokens of a text and the characters they came from."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sakuin.embedder import StaticEmbedder
from sakuin.embedder.tokenising import PROBES, replace_lone_surrogates
from sakuin.embedder.tokens import Token

AWKWARD = st.text(
    st.one_of(
        st.sampled_from("猫の会社ＡＢＣ㈱ﾊﾞﾅか\u3099e\u0301 \u3000\n\t\x01\x1f\u200b▁\ufffdabc\ud83d\ude00한½"),
        st.characters(),
    ),
    max_size=40,
)


@pytest.fixture(scope="module")
def model() -> StaticEmbedder:
    return StaticEmbedder.load()


def found(model: StaticEmbedder, text: str) -> dict[str, list[str]]:
    """The pieces of a text, each with the stretches of the text it came from."""
    return {token.piece: [text[start:end] for start, end in token.spans] for token in model.tokens(text)}


@pytest.mark.parametrize(
    ("text", "piece", "places"),
    [
        ("ＡＢＣ", "▁abc", ["ＡＢＣ"]),
        ("㈱サクイン", "株", ["㈱"]),
        ("㈱サクイン", ")", ["㈱"]),
        ("㈱サクイン", "ク", ["ク"]),
        ("ﾊﾞﾅﾅ", "ハ", ["ﾊ"]),
        ("ﾊﾞﾅﾅ", "<unk>", ["ﾞ"]),
        ("ﾊﾞﾅﾅ", "ナ", ["ﾅ", "ﾅ"]),
        ("か\u3099くせい", "<unk>", ["\u3099"]),
        ("か\u3099くせい", "せい", ["せい"]),
        ("cafe\u0301 au", "é", ["e\u0301"]),
        ("the cat", "▁cat", ["cat"]),
        ("the\u3000\u3000cat", "▁cat", ["cat"]),
        ("東京特許", "▁", []),
        ("東京特許", "東京", ["東京"]),
        ("猫 犬", "▁", [" "]),
        ("\x01\x02猫の会社", "会社", ["会社"]),
        ("\x01\x02猫の会社", "の", ["の"]),
        ("x\x01の会社", "会社", ["会社"]),
        ("\ud83d\ude00の会社", "会社", ["会社"]),
        ("\ud83d\ude00の会社", "<unk>", ["\ud83d\ude00"]),
        ("\ud83dの会社", "会社", ["会社"]),
    ],
)
def test_spans_point_at_the_original_characters(
    model: StaticEmbedder, text: str, piece: str, places: list[str]
) -> None:
    assert found(model, text)[piece] == places


def check(model: StaticEmbedder, text: str, tokens: tuple[Token, ...]) -> None:
    bags = model.bags([text])
    assert {token.id: token.weight for token in tokens} == dict(
        zip(bags.ids.tolist(), bags.weights.tolist(), strict=True)
    )
    for token in tokens:
        assert all(0 <= start < end <= len(text) for start, end in token.spans)
        assert list(token.spans) == sorted(token.spans)
    spans = [span for token in tokens for span in token.spans]
    # Tokens share a character at most, such as one that is written out: ㈱, ¼.
    for start, end in spans:
        for other_start, other_end in spans:
            shared = text[max(start, other_start) : min(end, other_end)]
            if (start, end) != (other_start, other_end):
                assert sum(unicodedata.category(c)[0] != "M" for c in replace_lone_surrogates(shared)) <= 1


@settings(max_examples=200)
@given(text=AWKWARD)
def test_tokens_are_those_of_the_bag(model: StaticEmbedder, text: str) -> None:
    check(model, text, model.tokens(text))


@pytest.mark.parametrize("text", PROBES)
def test_awkward_texts(model: StaticEmbedder, text: str) -> None:
    tokens = model.tokens(text)
    check(model, text, tokens)
    for dimension in (model.dimension, 32):
        vector = model.rows(tokens, dimension).T @ np.array([token.weight for token in tokens], np.float32)
        np.testing.assert_allclose(vector, model.encode([text], dimension)[0], atol=1e-5)


@given(words=st.lists(st.sampled_from(["猫", "会社", "が", "を", "。", "東京", "株価"]), min_size=1, max_size=12))
@settings(max_examples=50)
def test_spans_cover_a_plain_text(model: StaticEmbedder, words: list[str]) -> None:
    text = "".join(words)
    spans = sorted(span for token in model.tokens(text) for span in token.spans)
    assert "".join(text[start:end] for start, end in spans) == text


def test_another_models_tokens(toy_model: Path) -> None:
    tokens = StaticEmbedder.load(toy_model).tokens("the cat sat")
    assert [(token.piece, token.spans) for token in tokens] == [
        ("▁the", ((0, 3),)),
        ("▁cat", ((4, 7),)),
        ("▁sat", ((8, 11),)),
    ]


@pytest.mark.parametrize(
    "text", ["", "search", "serch", "検索", "yyyy", "recieve", "naïve", "C", "of", "of of", "\ud800", "😀"]
)
def test_what_is_one_token_is_said_without_reading_it_token_by_token(text: str, toy_model: Path) -> None:
    for model in (StaticEmbedder.load(), StaticEmbedder.load(toy_model)):
        pieces = [piece for token in model.tokens(text) for piece in [token.piece] * max(1, len(token.spans))]
        assert model.is_one_token(text) == (len([piece for piece in pieces if piece != "▁"]) == 1)
