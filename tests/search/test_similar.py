"""Documents near a document, or near a passage."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from sakuin import Document, Index, SearchError
from sakuin.cli.main import cli
from sakuin.index.documents import Heading
from sakuin.search import Searcher, UnknownDocumentError
from sakuin.search.local_documents import AVERAGED

CATS = ["猫は一日の大半を眠って過ごす。", "子猫にはミルクを与える。", "猫の爪は定期的に切る。"]
TAXES = ["所得税の申告は三月までに行う。", "消費税は十パーセントである。", "固定資産税は市に納める。"]


def sections(name: str, texts: list[str], **metadata: str) -> Document:
    """A document of which each text is a passage, under a heading of its own."""
    headings, text = [], ""
    for number, each in enumerate(texts):
        headings.append(Heading(len(text), len(text) + len(str(number)), 1))
        text += f"{number}\n{each}\n"
    return Document(id=name, text=text, headings=tuple(headings), metadata=metadata)


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    """Documents about cats, about taxes, and one half of each; one has more passages than its mean is of."""
    documents = [
        {"id": "cats-1", "text": f"{CATS[0]}\n\n{CATS[1]}", "kind": "animal"},
        {"id": "cats-2", "text": "飼い猫の餌は朝と夕に分けて与える。", "kind": "animal"},
        {"id": "dogs", "text": "犬の散歩は朝と夕に行う。", "kind": "animal"},
        {"id": "taxes-1", "text": f"{TAXES[0]}\n\n{TAXES[1]}", "kind": "money"},
        {"id": "taxes-2", "text": "確定申告で納める税金の計算方法。", "kind": "money"},
        sections("both", [CATS[2], *TAXES], kind="both"),
        {"id": "copy", "text": f"{CATS[0]}\n\n{CATS[1]}", "kind": "animal"},
    ]
    with Index.open(tmp_path_factory.mktemp("similar") / "index") as index:
        index.add(documents)
        index.add(sections("long", [f"{n} 番目の猫の記録。体重は {n} グラム。" for n in range(AVERAGED + 300)]))
        with index.searcher() as searcher:
            yield searcher


def names(searcher: Searcher, of: str, **options: object) -> list[str]:
    return [one.document.id for one in searcher.similar(of, **options).documents]


def test_documents_on_the_same_matter_come_first_and_never_itself(searcher: Searcher) -> None:
    found = searcher.similar("taxes-1")
    assert (found.id, found.by) == ("taxes-1", "document")
    order = [one.document.id for one in found.documents]
    assert set(order[:2]) == {"taxes-2", "both"}
    assert "taxes-1" not in order
    assert len(order) == len(set(order)) == 7
    assert [one.rank for one in found.documents] == list(range(1, 8))
    scores = [one.score for one in found.documents]
    assert scores == sorted(scores, reverse=True)


def test_scores_are_cosines_of_means(searcher: Searcher) -> None:
    def mean(name: str) -> np.ndarray:
        ids = [int(one.passage_id, 16) for one in searcher.document(name).passages]
        rows = searcher.snapshot.vectors.rows(np.array(ids, np.int64), searcher.manifest.dim).mean(axis=0)
        return rows / np.linalg.norm(rows)

    for one in searcher.similar("both").documents:
        if one.document.id != "long":
            assert one.score == pytest.approx(float(mean("both") @ mean(one.document.id)), abs=1e-5)
    copy = searcher.similar("cats-1").documents[0]
    assert (copy.document.id, copy.score) == ("copy", pytest.approx(1.0, abs=1e-5))


def test_a_passage_is_compared_with_passages(searcher: Searcher) -> None:
    (hit,) = searcher.search(CATS[2], k=1, mode="bm25").hits
    assert hit.document.id == "both"
    found = searcher.similar(hit)
    assert (found.id, found.by) == ("both", "passage")
    assert "taxes-1" not in [one.document.id for one in found.documents[:3]]
    assert "both" not in [one.document.id for one in found.documents]
    number = searcher.read(hit, around=0).passage.number
    assert searcher.similar("both", passage=number) == found == searcher.similar("both", passage=hit.passage_id)
    for one in found.documents:
        vectors = searcher.vectors([hit, one.nearest])  # type: ignore[list-item]
        assert one.score == pytest.approx(float(vectors[0] @ vectors[1]), abs=1e-5)
        assert one.nearest.text == searcher.document(one.document.id).text[one.nearest.start : one.nearest.end]


def test_a_document_of_very_many_passages_has_neighbours_too(searcher: Searcher) -> None:
    assert len(searcher.document("long").passages) > AVERAGED
    order = names(searcher, "long")
    assert set(order) == {"cats-1", "cats-2", "dogs", "taxes-1", "taxes-2", "both", "copy"}
    assert not order[0].startswith("taxes")


def test_filters_hold(searcher: Searcher) -> None:
    assert set(names(searcher, "cats-1", where={"kind": "money"})) == {"taxes-1", "taxes-2"}
    assert names(searcher, "long", where={"kind": "both"}) == ["both"]
    assert names(searcher, "cats-1", k=1) == ["copy"]
    assert names(searcher, "cats-1", where={"kind": "none"}) == []


def test_what_the_model_knows_nothing_of_has_no_neighbours(tmp_path: Path) -> None:
    with Index.open(tmp_path / "index") as index, index.searcher() as searcher:
        index.add([{"id": "a", "text": "\U00010330\U00010331"}, {"id": "b", "text": "猫です。"}])
        assert not searcher.vectors(searcher.document("a").passages).any()  # type: ignore[arg-type]
        assert searcher.similar("a").documents == ()
        assert names(searcher, "b") == []


@pytest.mark.parametrize(
    ("of", "options", "kind"),
    [
        ("none", {}, UnknownDocumentError),
        ("dogs", {"passage": 9}, UnknownDocumentError),
        ("dogs", {"k": 0}, SearchError),
        ("dogs", {"k": 101}, SearchError),
        ("dogs", {"passage": "x"}, SearchError),
        ("dogs", {"where": {"colour": 1}}, SearchError),
    ],
)
def test_what_cannot_be_is_refused(searcher: Searcher, of: str, options: dict[str, object], kind: type) -> None:
    with pytest.raises(kind):
        searcher.similar(of, **options)


def test_the_command_prints_what_the_library_finds(searcher: Searcher) -> None:
    index = ["--index", str(searcher.folder)]
    runner = CliRunner()
    asked = ["similar", "both", "--passage", "1", "-k", "2", "--where", "kind=animal", *index]
    found = searcher.similar("both", passage=1, k=2, where={"kind": "animal"})
    result = runner.invoke(cli, [*asked, "--json"], catch_exceptions=False)
    assert json.loads(result.output) == json.loads(json.dumps(found.to_dict()))
    printed = runner.invoke(cli, asked, catch_exceptions=False).output
    assert [line.split()[-1] for line in printed.splitlines()[::2]] == [one.document.id for one in found.documents]
