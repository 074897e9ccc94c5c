"""Synonyms of the user's own: what they find, what is told of them, and what is said of a file that makes no sense."""

from pathlib import Path

import pytest

from sakuin import Index
from sakuin.index.outliving import SYNONYMS
from sakuin.index.text.synonyms import SynonymError, read
from sakuin.search import Searcher
from sakuin.search.breakdown import term_scores

FILE = """\
# ours
2FA, 二要素認証, two-factor authentication
WFH => 在宅勤務, テレワーク
a\\,b, C\\\\D
"""
TEXTS = {
    "ja": "二要素認証を設定する方法。",
    "en": "Two-factor authentication keeps strangers out.",
    "short": "2FAの設定。",
    "home": "在宅勤務の届けを出す。",
    "wfh": "WFH days are Mondays.",
    "other": "会議室の予約。",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Index.open(tmp_path / "index") as index:
        index.add([{"id": name, "text": text} for name, text in TEXTS.items()])
    return tmp_path / "index"


def found(searcher: Searcher, query: str) -> list[str]:
    return [hit.document.id for hit in searcher.search(query, mode="bm25").hits]


def test_words_find_their_synonyms_after_themselves(folder: Path) -> None:
    with Searcher.open(folder) as searcher:
        assert set(found(searcher, "2FA")) == {"short"}
        (folder / SYNONYMS).write_text(FILE, encoding="utf-8")
        names = found(searcher, "２ｆａ")
        assert names[0] == "short"
        assert {"ja", "en"} <= set(names)
        assert "other" not in names
        assert set(found(searcher, "two-factor authentication")[1:]) >= {"ja", "short"}
        (folder / SYNONYMS).unlink()
        assert set(found(searcher, "2FA")) == {"short"}


def test_an_arrow_points_one_way(folder: Path) -> None:
    (folder / SYNONYMS).write_text(FILE, encoding="utf-8-sig")
    with Searcher.open(folder) as searcher:
        assert found(searcher, "WFH") == ["wfh", "home"]
        assert found(searcher, "在宅勤務") == ["home"]
        assert found(searcher, "WFHX") == []


def test_they_are_told_in_explanations_and_marked(folder: Path) -> None:
    (folder / SYNONYMS).write_text(FILE, encoding="utf-8")
    with Searcher.open(folder) as searcher:
        [_, hit] = searcher.search("WFH", mode="bm25", explain=True).hits
        assert hit.explanation is not None
        scores = term_scores(hit.explanation)
        assert {score.synonym_of for score in scores} == {"wfh"}
        assert sum(score.weight for score in scores) == pytest.approx(0.5 * 3)
        assert 'for "wfh", a synonym' in hit.explanation.text()
        assert [hit.text[start:end] for start, end in hit.highlights] == ["在宅勤務"]
        assert searcher.explain("WFH", hit).value == pytest.approx(hit.score)


def test_what_must_stand_in_a_hit_is_not_widened(folder: Path) -> None:
    (folder / SYNONYMS).write_text(FILE, encoding="utf-8")
    with Searcher.open(folder) as searcher:
        assert found(searcher, '"WFH"') == ["wfh"]


def test_a_file_is_read_as_solr_writes_it(tmp_path: Path) -> None:
    path = tmp_path / SYNONYMS
    path.write_bytes(FILE.replace("\n", "\r\n").encode())
    synonyms = read(path)
    assert synonyms.phrases["a,b"] == ("C\\D",)
    assert list(synonyms.of("the 2FA code")) == [("2fa", "二要素認証"), ("2fa", "two-factor authentication")]
    assert ("二要素認証", "2FA") in synonyms.of("方式: 二要素認証方式")
    assert list(synonyms.of("もの")) == []


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"a, b\nalone\n", 2, "stands alone"),
        (b"a => b => c", 1, "more than one"),
        (b"# ok\n\na, , b", 3, "missing"),
        (b"=> b", 1, "missing"),
        (b"a, b\n\xff\xfe, c", 2, "UTF-8"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_line(folder: Path, content: bytes, line: int, said: str) -> None:
    (folder / SYNONYMS).write_bytes(content)
    with Searcher.open(folder) as searcher:
        with pytest.raises(SynonymError, match=f"line {line}: .*{said}"):
            searcher.search("a")
        (folder / SYNONYMS).write_text("a, b", encoding="utf-8")
        searcher.search("a")


def test_they_go_with_a_backup_and_outlive_the_index(folder: Path, tmp_path: Path) -> None:
    (folder / SYNONYMS).write_text(FILE, encoding="utf-8")
    with Index.open(folder) as index:
        index.backup(tmp_path / "copy")
    assert (tmp_path / "copy" / SYNONYMS).read_text(encoding="utf-8") == FILE
