"""A cluster on the pages: searched as one, its documents read from their shards and listed together."""

import re
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="the extra ui is not installed")

from streamlit.testing.v1 import AppTest

from sakuin import Index
from sakuin.cluster.building import build_of_files
from sakuin.cluster.dealing import home
from sakuin.cluster.nodes import ThisProcess
from sakuin.cluster.places import Disk
from sakuin.cluster.tasks import Corpus
from sakuin.index.settings import Settings
from sakuin.ui import originals
from sakuin.ui.clusters import ORDERS, count_all, list_all
from tests.ui.pages import html_of, run_app
from tests.ui.test_several_indexes import judged, run_over

ANIMALS = ("三毛猫", "柴犬", "文鳥", "金魚", "亀", "兎")
SHARDS = 2


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, toy_model: Path) -> Path:
    base = tmp_path_factory.mktemp("cluster-on-the-page")
    (base / "corpus").mkdir()
    for number, animal in enumerate(ANIMALS):
        text = f"# {animal}の題\n\n" + "\n\n".join(f"## 節{n}\n\n{animal}が寝ている話です。" for n in range(number + 1))
        (base / "corpus" / f"{number}.md").write_text(text, encoding="utf-8")
    corpus, place = Corpus(folder=str(base / "corpus")), Disk(base / "papers")
    build_of_files(corpus, place, ThisProcess(), shards=SHARDS, settings=Settings(model=str(toy_model), dim=64))
    assert {home(f"{number}.md", SHARDS) for number in range(len(ANIMALS))} == set(range(SHARDS))
    return base / "papers"


def test_hits_are_opened_in_their_shards_with_their_files(monkeypatch: pytest.MonkeyPatch, cluster: Path) -> None:
    monkeypatch.setattr("sakuin.ui.pages.corpus.on_loopback", lambda: True)
    originals.routes([cluster])
    try:
        for number, animal in enumerate(ANIMALS):
            app = run_app(monkeypatch, cluster, q=f"{animal}が寝ている")
            assert f"{animal}の題" in re.sub("<.*?>", "", html_of(app).split("<article")[1])
            assert not judged(app)
            assert app.get("link_button")[0].proto.url == f"/original?index=0&id={number}.md"
            app.button(key="open_1").click().run()
            assert not app.exception
            assert f"<mark>{animal}</mark>" in html_of(app)
            assert app.get("link_button")[0].proto.url == f"/original?index=0&id={number}.md"
            answer = originals.given(cluster, f"{number}.md")
            assert f"{animal}の題" in bytes(answer.body).decode()
    finally:
        originals.routes([])


def test_documents_of_all_shards_are_one_list(cluster: Path) -> None:
    names = [f"{number}.md" for number in range(len(ANIMALS))]
    expected = {"name": names, "passages": names[::-1]}
    for order in ORDERS:
        listed = [one for at in range(0, 6, 2) for one in list_all(cluster, "", "", order, first=at, most=2)]
        assert [one.id for one in listed] == expected[order]
    assert [one.id for one in list_all(cluster, "柴犬", "md", "name", first=0, most=5)] == ["1.md"]
    assert (count_all(cluster, "", ""), count_all(cluster, "柴犬", ""), count_all(cluster, "", "pdf")) == (6, 1, 0)


def page_of_cluster(folder: str) -> None:
    from pathlib import Path

    from sakuin.ui.opening import find_searcher
    from sakuin.ui.pages.cluster import cluster_message, cluster_page
    from sakuin.ui.words import Words

    searcher = find_searcher(Path(folder))
    assert searcher
    cluster_page(searcher, Words("en"))
    cluster_message(searcher.folder, Words("en"))


def test_the_list_of_documents_opens_them_and_changes_nothing(cluster: Path) -> None:
    app = AppTest.from_function(page_of_cluster, args=(str(cluster),), default_timeout=60).run()
    assert not app.exception
    html = html_of(app)
    assert "This is a cluster of 2 shards" in html
    assert re.findall(r'class="code"><bdi dir="auto">(.*?)</bdi>', html) == [f"{n}.md" for n in range(len(ANIMALS))]
    assert not app.checkbox
    # What shows one index names a shard that is one.
    assert str(cluster / "shards") in app.code[0].value
    app.button(key="open_6").click().run()
    assert not app.exception
    assert "兎が寝ている話です。" in html_of(app)


def test_a_cluster_among_several_is_told(monkeypatch: pytest.MonkeyPatch, cluster: Path, tmp_path: Path) -> None:
    with Index.open(tmp_path / ".sakuin") as index:
        index.add({"id": "x", "text": "天気の話です。"})
    html = html_of(run_over(monkeypatch, [cluster, tmp_path / ".sakuin"], q="話"))
    assert "is a cluster, which is searched alone" in html
