"""A title that a program made up is none, in whatever file it stands."""

import pytest

from sakuin.index.readers.titles import title_of


@pytest.mark.parametrize(
    "title",
    ["PowerPoint プレゼンテーション", "C:\\Users\\y\\x", "/home/y/x", "Document1", "スライド 1", "(unspecified)"],
)
def test_a_made_up_title_of_a_pdf_is_none(title: str) -> None:
    assert title_of("報告.pdf", stated=title) == "報告"


def test_a_title_of_a_person_stays() -> None:
    assert title_of("a.pdf", stated="PowerPoint の使い方") == "PowerPoint の使い方"
