"""What a query may have meant: offered where its words are found hardly anywhere, and never searched for unasked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sakuin import Index
from sakuin.search import MODES, Searcher

TEXTS = [
    "パスワードを忘れたときはサーバーの管理者に知らせる。",
    "パスワードの長さは十二文字以上。シミュレーションの結果は保存する。",
    "Authentication fails when the configuration file is missing.",
    "The configuration of the environment is described below. Passwords expire.",
    "コミュニケーションのためのインターフェース。",
    "Reset your password in the Kubernetes console.",
]


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    folder = tmp_path_factory.mktemp("meant")
    with Index.open(folder) as index:
        index.add([{"id": str(number), "text": text} for number, text in enumerate(TEXTS)])
    with Searcher.open(folder) as searcher:
        yield searcher


def offered(searcher: Searcher, query: str, mode: str = "hybrid") -> list[str]:
    return [suggestion.query for suggestion in searcher.search(query, mode=mode).suggestions]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("reset my pasword", "reset my password"),
        ("authetication", "authentication"),
        ("the configuraton file", "the configuration file"),
        ("enviroment", "environment"),
        ("Kubernates console", "Kubernetes console"),
        ("パスワドを忘れた", "パスワードを忘れた"),
        ("シュミレーションの結果", "シミュレーションの結果"),
        ("コミニュケーション", "コミュニケーション"),
        ("インターフェイス", "インターフェース"),
        ("ﾊﾟｽﾜﾄﾞの長さ", "パスワードの長さ"),
    ],
)
def test_a_misspelt_word_has_the_nearest_of_the_index_offered(searcher: Searcher, typed: str, meant: str) -> None:
    for mode in MODES:
        assert offered(searcher, typed, mode)[0] == meant
    assert offered(searcher, meant) == []


def test_several_misspelt_words_are_replaced_together(searcher: Searcher) -> None:
    [suggestion] = searcher.search("pasword とパスワド").suggestions
    assert suggestion.query == "password とパスワード"
    assert suggestion.replaced == (("pasword", "password"), ("パスワド", "パスワード"))


@pytest.mark.parametrize(
    "query",
    [
        "",
        "パスワード",
        "サーバ",
        "configurations",
        "passport",  # a word by itself, which the index does not have
        "vacation",
        "pasword2 x.pasword",
        "パスタ",
        "xqzzy",
        "忘れ物",
        "\U0001f600",
    ],
)
def test_nothing_is_offered_for_what_is_found_well_or_is_near_nothing(searcher: Searcher, query: str) -> None:
    assert offered(searcher, query) == []


def test_words_that_are_conditions_stay(searcher: Searcher) -> None:
    assert offered(searcher, "pasword -enviroment id:enviroment") == ["password -enviroment id:enviroment"]
    assert offered(searcher, '"pasword expires"') == ['"password expires"', '"passwords expires"'][:1]


def test_what_was_asked_is_what_is_searched_for(searcher: Searcher) -> None:
    result = searcher.search("pasword")
    assert result.query == result.text == "pasword"
    assert result.to_dict()["suggestions"] == ({"query": "password", "replaced": (("pasword", "password"),)},)


def test_a_rare_word_far_rarer_than_a_near_one_is_taken_for_a_mistake(tmp_path: Path) -> None:
    texts = [*(f"password number {number}" for number in range(100)), "a pasword", "a passw0rd"]
    with Index.open(tmp_path) as index:
        index.add([{"id": str(number), "text": text} for number, text in enumerate(texts)])
        with Searcher.open(tmp_path) as searcher:
            assert offered(searcher, "pasword") == ["password"]
        index.add([{"id": "another", "text": "one more pasword"}])
    with Searcher.open(tmp_path) as searcher:
        assert offered(searcher, "pasword") == []


def test_a_vector_has_no_words_to_offer_others_for(searcher: Searcher) -> None:
    assert searcher.search_vector(searcher.model.encode(["pasword"], truncate_dim=256)[0]).suggestions == ()
