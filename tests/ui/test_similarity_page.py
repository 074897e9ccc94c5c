"""The page Similarity."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from sakuin.embedder import StaticEmbedder
from sakuin.ui.pages.similarity import MAX_ADDRESS
from tests.examples import HOSTILE
from tests.ui.pages import html_of


def page_of_similarity() -> None:
    from sakuin.embedder import StaticEmbedder
    from sakuin.ui.pages.similarity import similarity_page
    from sakuin.ui.words import Words

    similarity_page(StaticEmbedder.load(), Words("en"))


def test_similarity_without_an_index() -> None:
    app = AppTest.from_function(page_of_similarity, default_timeout=60).run()
    assert not app.exception
    first = html_of(app)
    assert "My train is delayed" in first
    assert '<th scope="col">1024</th>' in first
    app.select_slider(key="cut").set_value(32).run()
    assert html_of(app) != first
    app.segmented_control(key="view").set_value("matrix").run()
    assert "A cat is asleep" in html_of(app)
    assert "<th>1024</th>" not in html_of(app)


@pytest.mark.parametrize("many", ["", " \n ", "one", "\n".join(["猫"] * 300), "長" * 6000 + "\n" + HOSTILE])
def test_similarity_takes_any_texts(many: str) -> None:
    app = AppTest.from_function(page_of_similarity, default_timeout=60).run()
    for key, view in (("many", "rank"), ("all", "matrix")):
        app.segmented_control(key="view").set_value(view).run()
        app.text_area(key=key).set_value(many).run()
        assert not app.exception
        html = html_of(app)
        assert "<script" not in html
        assert ("too many" in html) == (many.count("\n") > 200)
        assert ("too long" in html) == (len(many) > 5500)
        assert len(re.findall(r'"sk-no">\d', html)) <= 200


def opened_at(**address: str) -> AppTest:
    app = AppTest.from_function(page_of_similarity, default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def text_of(html: str) -> str:
    return re.sub("<[^>]+>", "", html)


def test_groups_are_compared_as_a_rectangle() -> None:
    app = opened_at(view="cross", left="猫が寝ている\n雨が降る", right="A cat sleeps\nIt rains\n株価が下がる")
    html = html_of(app)
    assert re.findall(r'"sk-no">([AB]\d)<', html) == ["A1", "A2", "B1", "B2", "B3"]
    chart = app.get("vega_lite_chart")[0]
    assert chart.proto.selection_mode == ["pair"]


def test_the_cells_of_the_word_table_add_up_to_the_cosine() -> None:
    one, other = "電車が遅れて遅刻しそうです", "My train is delayed and I will miss the meeting"
    app = opened_at(one=one, many=other, cut="64")
    html = html_of(app)
    table = html[html.index("sk-heat") :]
    rows = [re.findall(r'title="([^"]+)"', row) for row in re.findall("<tr>.*?</tr>", table)]
    cells = [[float(cell) for cell in row] for row in rows if row]
    model = StaticEmbedder.load()
    vectors = model.encode([one, other], truncate_dim=64)
    cosine = float(model.similarity(vectors[:1], vectors[1:])[0, 0])
    assert sum(sum(row[:-1]) for row in cells[:-1]) == pytest.approx(cosine, abs=0.005)
    assert cells[-1][-1] == pytest.approx(cosine, abs=1e-4)
    # Both texts stand above it, whole, and are shaded where words are alike.
    assert one in text_of(html)
    assert re.search(r'class="s\d"[^>]*>電車<', html)
    assert re.search(r'class="s\d"[^>]*>train<', html)


def test_the_address_brings_the_page_back() -> None:
    first = opened_at(view="matrix", cut="64", all="猫\n犬\n雨", pair="1-3")
    assert first.select_slider(key="cut").value == 64
    assert first.selectbox(key="first_matrix").value == 0
    assert first.selectbox(key="second_matrix").value == 2
    first.selectbox(key="first_matrix").set_value(1).run()
    first.text_area(key="all").set_value("猫が好き\n犬\n雨").run()
    assert first.query_params["pair"] == "2-3"
    again = opened_at(**first.query_params)
    assert html_of(again) == html_of(first)


def test_only_what_differs_is_in_the_address() -> None:
    app = opened_at()
    assert not app.query_params
    app.segmented_control(key="view").set_value("cross").run()
    assert app.query_params == {"view": "cross"}


@pytest.mark.parametrize(
    "wrong", [{"view": "x"}, {"cut": "33"}, {"cut": "<b>"}, {"pair": "0-0"}, {"pair": "9999-1"}, {"pair": "1-x-²"}]
)
def test_nonsense_in_the_address_is_ignored(wrong: dict[str, str]) -> None:
    assert html_of(opened_at(**wrong)) == html_of(opened_at())


def test_texts_too_long_for_an_address_are_left_out_of_it() -> None:
    app = opened_at()
    app.text_area(key="many").set_value("長い文です。" * (MAX_ADDRESS // 50)).run()
    assert not app.query_params
    assert any("too long for the address" in caption.value for caption in app.caption)


@pytest.mark.parametrize("view", ["rank", "matrix", "cross"])
@pytest.mark.parametrize("text", ["", "\U00013000\n\U00013001", f"{HOSTILE}\n{HOSTILE} x", "長" * 6000 + "\n猫"])
def test_every_view_takes_any_texts(view: str, text: str) -> None:
    app = opened_at(view=view)
    for box in [*app.text_area, *app.text_input]:
        box.set_value(text)
    app.run()
    assert not app.exception
    html = html_of(app)
    assert not re.search("<(script|img|a|strong)[ >]", html)
    for kind in ("markdown", "caption", "button", "expander"):
        for element in app.get(kind):
            assert "hacked" not in str(element)
    if text.startswith("\U00013000"):
        assert "The cosine is 0" in html
