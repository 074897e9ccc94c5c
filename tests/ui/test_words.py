"""The texts of the pages: the same in both languages, and all that the pages ask for."""

import re
from collections.abc import Sequence
from string import Formatter
from typing import Any, get_args

import pytest

from sakuin.embedder.errors import ModelError
from sakuin.evaluation.families import EvaluationError
from sakuin.facts import Fact
from sakuin.index.errors import IndexFolderError
from sakuin.index.reasons import Part, Reason
from sakuin.index.store.listing import ORDERS
from sakuin.search import MODES, Notice, SearchError
from sakuin.search.projection import Step
from sakuin.search.results import Located
from sakuin.tuning import troubles
from sakuin.tuning.fitting import Way
from sakuin.tuning.judgements import ANSWERS, DOES_NOT_ANSWER, NOTHING_ANSWERS
from sakuin.ui.map_points import CLUSTER, FOLDER, TYPE
from sakuin.ui.pages.similarity import VIEWS
from sakuin.ui.words import Words, facts, texts
from tests.examples import ROOT

FIELD = re.compile(r"(?<!{){(\w+)}")
# words("key"), words('key') and words(f"key_{of}").
ASKED = re.compile(r"""\bwords\(\s*f?(["'])(\S+?)\1""")
# What stands for the field of a key that is made of parts.
LEGS = ("dense", "bm25")
SCORERS = (*LEGS, "rerank", "recency")
MADE_OF: dict[str, Sequence[str]] = {
    "kept_*": ("saved", "recent", "forget", "name", "save"),
    "suggested_*": ("label", "recent", "saved", "title"),
    "judged_*": (ANSWERS, DOES_NOT_ANSWER, NOTHING_ANSWERS),
    "trouble_*": (troubles.FIRST_WRONG, troubles.UNANSWERED, troubles.NOTHING_ANSWERS),
    "how_scored_*": MODES,
    "map_by_*": (CLUSTER, FOLDER, TYPE),
    "map_step_*": get_args(Step),
    "mode_*": MODES,
    "order_*": ORDERS,
    "view_*": VIEWS,
    "why_*": [
        "own",
        "low",
        "high",
        "scaled",
        "weight",
        "share",
        "term",
        "idf",
        "tf",
        "freq",
        "length",
        "boost",
        "product",
    ],
    "why_only_*": LEGS,
    "*_leg": SCORERS,
    "*_title": ("no_index", "empty", "building", "corpus_none"),
    "hit_order_*": ("relevance", "newer", "newest"),
}


def test_both_languages_have_the_same_texts_with_the_same_fields() -> None:
    japanese, english = texts("ja"), texts("en")
    assert japanese.keys() == english.keys()
    for key in english:
        assert set(FIELD.findall(japanese[key])) == set(FIELD.findall(english[key])), key
        assert japanese[key], key


def test_every_text_that_a_page_asks_for_is_there() -> None:
    sources = [ROOT / "app.py", *(ROOT / "sakuin" / "ui").rglob("*.py")]
    found = {key for path in sources for _, key in ASKED.findall(path.read_text(encoding="utf-8"))}
    asked = {re.sub(r"{.*?}", "*", key) for key in found}
    made = {key for key in asked if "*" in key}
    assert made == MADE_OF.keys()
    assert len(asked) > 100
    keys = (asked - made) | {key.replace("*", value) for key in made for value in MADE_OF[key]}
    assert keys <= texts("en").keys(), keys - texts("en").keys()


class AnyValues(dict[str, Any]):
    """A number for each field of a sentence."""

    def __missing__(self, key: str) -> int:
        return 3


@pytest.mark.parametrize("kind", [Located, Notice, Reason, Way])
def test_facts_are_translated_with_their_values(kind: type[Fact]) -> None:
    translated = facts("ja")[kind.__name__]
    assert translated.keys() == kind.SENTENCES.keys()
    for code, english in kind.SENTENCES.items():
        # A translation may leave a value out, but none comes from nowhere.
        fields = {name for _, name, _, _ in Formatter().parse(english) if name}
        assert {name for _, name, _, _ in Formatter().parse(translated[code]) if name} <= fields, code
        assert translated[code] != english or code == "parts"
        assert translated[code].format_map(AnyValues())


def test_a_notice_is_said_in_both_languages() -> None:
    notice = Notice("query_cut", {"used": 10})
    assert Words("ja").fact(notice) == "長すぎるので、先頭の 10 文字だけを使いました。"
    assert Words("en").fact(notice) == str(notice)


def test_reasons_of_parts_are_said_in_both_languages() -> None:
    empty = Reason("empty_row")
    parts = [
        Part({"row": 2}, empty),
        Part({"name": "faq"}, Reason("repeated_id", {"id": "x"})),
        Part({"row": 9}, empty),
    ]
    reason = Reason.of_parts(parts, 1_234)
    assert reason
    assert Words("en").reason(reason) == str(reason)
    said = Words("ja").reason(reason)
    assert said.startswith("2 行目: 文字がない行です; faq: ID x は")
    assert said.endswith("ほか 1,231 か所")
    whole = Reason("no_good_line", {}, (Part({"line": 1}, Reason("no_object")),))
    assert Words("en").reason(whole) == str(whole)
    assert "{...}" in Words("ja").reason(whole)


def test_errors_are_said_with_what_kind_of_trouble_they_are() -> None:
    error = IndexFolderError("There is no index.")
    assert Words("ja").error(error) == "索引を読めないか、書けません。 There is no index."
    assert Words("en").error(error) == "There is no index."
    kinds = {each.__name__ for each in (IndexFolderError, ModelError, SearchError, EvaluationError)}
    assert facts("ja")["errors"].keys() == kinds
