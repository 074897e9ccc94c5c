"""What a commit measures of the scores of unrelated pairs."""

import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from sakuin.embedder import StaticEmbedder
from sakuin.index import store
from sakuin.index.background import FEWEST, QUERY_WIDTH, made_up_query, unrelated_spread
from sakuin.index.build import add, build, remove
from sakuin.index.maintenance import compact
from sakuin.index.passages import text_width
from sakuin.index.snapshot import open_index

THINGS = ["猫", "有給休暇", "電車の遅延", "温泉", "雨傘", "カレー", "password", "天気予報", "図書館", "自転車"]
DEEDS = [
    "を申請する手順を説明します",
    "について昔の人はこう書きました",
    "の値段は来年から上がります",
    "が好きな人は多い",
]


def write_corpus(folder: Path, number: int) -> Path:
    """Files of unlike texts."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(number):
        text = f"{THINGS[i % 10]}{DEEDS[i // 10 % 4]}。{i}番目の{THINGS[(i * 7 + 3) % 10]}も見てください。"
        (folder / f"{i}.txt").write_text(text, encoding="utf-8")
    return folder


def background(folder: Path) -> dict[str, float]:
    with closing(open_index(folder)) as snapshot:
        return snapshot.manifest.background


def test_too_few_passages_are_not_measured(tmp_path: Path) -> None:
    build(write_corpus(tmp_path / "corpus", FEWEST - 1), tmp_path / "index")
    assert background(tmp_path / "index") == {}
    write_corpus(tmp_path / "corpus", FEWEST)
    build(tmp_path / "corpus", tmp_path / "index")
    assert set(background(tmp_path / "index")) > {"coverage", "std_256", "std_32"}


def test_the_spread_is_that_of_cosines_of_unrelated_pairs(tmp_path: Path) -> None:
    """Each file is one sentence of a query's length, so made-up queries are passages and the pairs are all pairs."""
    texts = [f"{thing}{deed}" for thing in THINGS for deed in DEEDS]
    (tmp_path / "corpus").mkdir()
    for number, text in enumerate(texts):
        (tmp_path / "corpus" / f"{number}.txt").write_text(text, encoding="utf-8")
    build(tmp_path / "corpus", tmp_path / "index")
    own = background(tmp_path / "index")
    model = StaticEmbedder.load()
    with closing(open_index(tmp_path / "index")) as snapshot:
        rows = snapshot.passages(snapshot.vectors.ids.tolist()).values()
        indexed = [store.indexed_text(row.places[0].title, row.places[0].heading, row.text) for row in rows]
        queries = [row.text for row in rows]
    for dim in (256, 64):
        asked, stored = (model.encode(some, truncate_dim=dim, normalize=True) for some in (queries, indexed))
        cosines = (asked @ stored.T)[~np.eye(len(texts), dtype=bool)]
        distances = np.abs(cosines - np.median(cosines))
        assert own[f"std_{dim}"] == pytest.approx(1.4826 * np.median(distances), abs=3e-3)


def test_coverage_is_high_where_documents_resemble_each_other(tmp_path: Path) -> None:
    """The same texts once, and in two versions each."""
    write_corpus(tmp_path / "unlike", 40)
    write_corpus(tmp_path / "alike", 40)
    for path in list((tmp_path / "alike").iterdir()):
        text = path.read_text(encoding="utf-8") + "改訂版。"
        path.with_name(f"new-{path.name}").write_text(text, encoding="utf-8")
    for name in ("unlike", "alike"):
        build(tmp_path / name, tmp_path / f"{name}.index")
    assert background(tmp_path / "alike.index")["coverage"] > 0.8
    assert background(tmp_path / "unlike.index")["coverage"] < background(tmp_path / "alike.index")["coverage"] - 0.1


def test_passages_of_the_same_document_are_not_unrelated(tmp_path: Path) -> None:
    """Two documents with nothing in common; within each every passage has the words of every other."""
    (tmp_path / "corpus").mkdir()
    japanese = "\n\n".join(f"# 第{i}節\n\n有給休暇の申請は人事部の窓口で{i}回だけ行います。" for i in range(24))
    english = "\n\n".join(
        f"# Part {chr(97 + i)}{chr(98 + i)}\n\nSharpen the kitchen knife on a wet stone." for i in range(24)
    )
    (tmp_path / "corpus" / "a.md").write_text(japanese, encoding="utf-8")
    (tmp_path / "corpus" / "b.md").write_text(english, encoding="utf-8")
    build(tmp_path / "corpus", tmp_path / "index")
    assert background(tmp_path / "index")["coverage"] < 0.2


def test_one_long_document_is_not_what_chance_is(tmp_path: Path) -> None:
    """It is a third of all passages, and says the same in each."""
    same = "担当者は申請書の内容を確認し、承認の手続きを行い、結果を台帳に登録する。"
    long = "\n\n".join(f"# 第{i}項\n\n{same}番号は{i}である。" for i in range(100))
    for name in ("without", "with"):
        corpus = write_corpus(tmp_path / name, 200)
        if name == "with":
            (corpus / "long.md").write_text(long, encoding="utf-8")
        build(corpus, tmp_path / f"{name}.index")
    without, own = background(tmp_path / "without.index"), background(tmp_path / "with.index")
    assert own["std_256"] == pytest.approx(without["std_256"], rel=0.05)


def test_the_passages_of_a_single_document_are_measured_by_each_other(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    text = "\n\n".join(f"# {i}\n\n{THINGS[i % 10]}{DEEDS[i // 10]}。" for i in range(40))
    (tmp_path / "corpus" / "a.md").write_text(text, encoding="utf-8")
    build(tmp_path / "corpus", tmp_path / "index")
    assert background(tmp_path / "index")["std_256"] > 0


def test_history_does_not_matter(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", 60)
    build(corpus, tmp_path / "fresh")
    grown = tmp_path / "index"
    (corpus / "gone.txt").write_text("すぐに消える文書です。", encoding="utf-8")
    add([corpus / "gone.txt"], grown)
    for start in (40, 20, 0):
        add([corpus / f"{i}.txt" for i in range(start, start + 20)], grown)
    remove([str(corpus / "gone.txt")], grown)
    shutil.rmtree(corpus)
    build(write_corpus(tmp_path / "corpus", 60), grown)
    compact(grown)
    assert background(grown) == background(tmp_path / "fresh") != {}


@pytest.mark.parametrize(
    "text",
    [
        "最初の文です。二番目の文はもう少し長くなっています。最後の文です。",
        "a" * 500,
        "The first sentence is here. The second one is a good deal longer than that. And a third one ends it.",
        "短い",
    ],
)
def test_made_up_queries_are_short_stretches(text: str) -> None:
    query = made_up_query(text)
    assert query.strip()
    assert query in text
    assert text_width(query) <= 1.25 * QUERY_WIDTH


def test_between_measured_dimensions_is_interpolated() -> None:
    measured = {"coverage": 0.4, "std_64": 0.14, "std_256": 0.08}
    assert unrelated_spread(measured, 64) == 0.14
    assert unrelated_spread(measured, 128) == pytest.approx(0.11)
    assert unrelated_spread(measured, 8) == 0.14
    assert unrelated_spread({}, 64) is None
