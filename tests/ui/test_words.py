"""The texts of the pages: the same in both languages, and all that the pages ask for."""

import re

from sakuin.search import Notice
from sakuin.ui.words import Words, facts, texts
from tests.examples import ROOT

FIELD = re.compile(r"(?<!{){(\w+)}")


def test_both_languages_have_the_same_texts_with_the_same_fields() -> None:
    japanese, english = texts("ja"), texts("en")
    assert japanese.keys() == english.keys()
    for key in english:
        assert set(FIELD.findall(japanese[key])) == set(FIELD.findall(english[key])), key
        assert japanese[key], key


def test_every_text_that_a_page_asks_for_is_there() -> None:
    sources = [ROOT / "app.py", *(ROOT / "sakuin" / "ui").rglob("*.py")]
    asked = {key for path in sources for key in re.findall(r'words\(\s*"(\w+)"', path.read_text(encoding="utf-8"))}
    assert len(asked) > 100
    assert asked <= texts("en").keys()


def test_notices_are_translated() -> None:
    assert facts("ja")["Notice"].keys() == Notice.SENTENCES.keys()
    for notice in (Notice(code, {"used": 10}) for code in Notice.SENTENCES):
        assert re.search("[ぁ-ん]", Words("ja").notice(notice))
        assert Words("en").notice(notice) == str(notice)
