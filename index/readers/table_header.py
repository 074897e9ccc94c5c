"""Which row of a table names its columns, if one does, and what the columns hold."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sakuin.index.readers.fields import ID_NAMES, TEXT_NAMES, TITLE_NAMES, named
from sakuin.index.readers.names import unlike
from sakuin.index.readers.plain import one_line

MAX_NAME_CHARACTERS = 40
"""The longest cell that is taken for the name of a column or of a row."""

_HALF, _MOSTLY, _NEARLY_ALL = 0.5, 0.6, 0.8
"""Parts of what is looked at in a sheet."""

MAX_ROWS_ABOVE = 20
"""Rows above a header: the title of the table, a date, who made it."""

NUMBER = re.compile(r"[+-]?[¥$€£]?[\d０-９][\d０-９.,:/年月日時分%円T -]*")
_SENTENCE_OR_ADDRESS = re.compile(r"[。！？\n]|[.!?]\s|https?://|\S@\S+\.")
_OTHER_NAMES = """
id no no. name title date time year month day type kind class category group status state city country address phone
tel fax email mail price cost amount total count quantity qty unit url link file path author user owner customer company
department dept section role position code key value label tag tags question answer description comment comments note
notes remarks memo subject summary item product first_name last_name age sex gender start end from to created updated
language lang source score rank
番号 氏名 名前 名称 姓 名 日付 年月日 日時 時刻 時間 年 月 日 種類 種別 区分 分類 部署 所属 役職 住所 電話
備考 金額 価格 単価 数量 個数 合計 小計 会社 担当 担当者 質問 回答 説明 概要 要約 商品 品名 品番 型番 地域 国
都市 年齢 性別 状態 結果 作成者 著者 作成日 更新日 開始 終了 場所 会場 電話番号 郵便番号 都道府県 メール
カテゴリ
"""
_NAMES = frozenset((*TEXT_NAMES, *TITLE_NAMES, *ID_NAMES, *_OTHER_NAMES.split()))
_NAME_ENDINGS = (
    "番号",
    "コード",
    "名",
    "日",
    "額",
    "数",
    "率",
    "者",
    "先",
    "別",
    "区分",
    "種別",
    "ID",
    "_id",
    "_name",
    "_at",
)
_SCRIPTS = (
    ("hiragana", re.compile("[ぁ-ゖ]")),
    ("katakana", re.compile("[ァ-ヺｦ-ﾟ]")),
    ("kanji", re.compile("[々〇\u3400-\u9fff]")),
    ("lower", re.compile("[a-z]")),
    ("upper", re.compile("[A-Z]")),
    ("digit", re.compile("[0-9０-９]")),
    ("sign", re.compile(r"[_@/:#\-]")),
)


@dataclass(frozen=True)
class Columns:
    """The columns of a table by their number from 0; ``names`` is empty where the table has no header.

    Attributes:
        names: Of the columns, no two alike.
        above: Rows above the header.
        text: Which column is the text, if one is.
        title: Which column is the title.
        numbers: Columns that hold numbers or dates only.
        made_up: What made-up names begin with: no name of a column does.
    """

    names: tuple[str, ...] = ()
    above: int = 0
    text: int | None = None
    title: int | None = None
    numbers: frozenset[int] = frozenset()
    made_up: str = "column"

    def name(self, number: int) -> str:
        """Return a column's name, or a made-up one where it has none."""
        return self.names[number] if number < len(self.names) else f"{self.made_up} {number + 1}"


def columns_of(rows: Sequence[Sequence[str]]) -> Columns:
    """Find the header among the first rows of a table, none of them blank."""
    above = _above(rows)
    if not is_header(rows[above:]):
        return Columns()
    cells = [one_line(cell) for cell in rows[above]]
    made_up = "column"
    while any(cell.startswith(f"{made_up} ") for cell in cells):
        made_up = f"unnamed {made_up}"
    names = [name or f"{made_up} {number}" for number, name in enumerate(unlike(cells), 1)]
    while len(names) > 1 and not rows[above][len(names) - 1].strip():
        names.pop()
    text = named(TEXT_NAMES, names)
    title = named(TITLE_NAMES, names)
    below = [row for row in rows[above + 1 :] if len(row) <= len(names)]
    return Columns(
        tuple(names),
        above,
        text=names.index(text[0]) if text else None,
        title=names.index(title[0]) if title else None,
        numbers=frozenset(number for number in range(len(names)) if _are_numbers(_column(below, number))),
        made_up=made_up,
    )


def _above(rows: Sequence[Sequence[str]]) -> int:
    """Return how many rows stand above the header: those with fewer cells than the table, if a header follows."""
    if len(rows) < 3:
        return 0
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    usual = Counter(filled[1:]).most_common(1)[0][0]
    above = 0
    while above < min(MAX_ROWS_ABOVE, len(rows) - 2) and filled[above] < usual:
        above += 1
    return above if above and filled[above] >= usual and is_header(rows[above:]) else 0


def is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether the first of some rows of a table names the columns.

    Each cell must look like a name: short, no number, no sentence, no two alike. And something must speak for it: a
    name that columns often have, or that it is of another kind than what stands below it. A first row like all others
    is none: better the names of columns as a row than a row as the names of columns.
    """
    if not rows:
        return False
    first = [cell.strip() for cell in rows[0]]
    if named(TEXT_NAMES + TITLE_NAMES, first):
        return True
    filled = [cell for cell in first if cell]
    if len(rows) == 1 or not are_names(filled):
        return False
    if len(filled) == 1:
        return sum(len("".join(row)) for row in rows[1:]) >= 3 * len(filled[0]) * (len(rows) - 1)
    return sum(_speaks_for(cell, _column(rows[1:], number)) for number, cell in enumerate(first) if cell) > 0


def is_header_in_sheet(rows: Sequence[Sequence[str]], *, sure: bool) -> bool:
    """Tell whether the first of some rows of a sheet names columns: they may as well be a form, or a list of texts.

    Args:
        rows: From the first column that is filled to the last.
        sure: Whether only a header counts that its columns prove: names above numbers or dates, or known names.
    """
    first, below = [cell.strip() for cell in rows[0]], rows[1:]
    filled = [cell for cell in first if cell]
    if len(filled) < 2 or len(filled) < _MOSTLY * len(first) or not below or not are_names(filled):
        return False
    if named(TEXT_NAMES + TITLE_NAMES, filled):
        return True
    if sum(sum(map(bool, row)) >= _HALF * len(filled) for row in below) < _HALF * len(below):
        return False
    columns = [_column(below, number) for number in range(len(first))]
    if any(sum(map(_is_number, column)) >= _NEARLY_ALL * len(column) for column in columns if column):
        return True
    # A list of texts under names looks like a list of texts, and two columns of it like a form.
    return not sure and len(filled) > 2 and len(below) > 1


def are_names(cells: Sequence[str]) -> bool:
    """Tell whether cells that are not empty may name columns: there are some, no two alike."""
    return bool(cells) and len(set(cells)) == len(cells) and all(map(is_name, cells))


def is_name(cell: str) -> bool:
    """Tell whether a cell may name a column: it is short, and no number, sentence or address."""
    return len(cell) <= MAX_NAME_CHARACTERS and not NUMBER.fullmatch(cell) and not _SENTENCE_OR_ADDRESS.search(cell)


def _column(rows: Sequence[Sequence[str]], number: int) -> list[str]:
    cells = [row[number].strip() for row in rows if number < len(row)]
    return [cell for cell in cells if cell]


def _are_numbers(values: Sequence[str]) -> bool:
    return bool(values) and all(map(_is_number, values))


def _is_number(value: str) -> bool:
    return NUMBER.fullmatch(value) is not None


def _speaks_for(cell: str, values: Sequence[str]) -> int:
    """Return how much a cell above values looks like their name; below 0 if it looks like one of them."""
    if cell in values:
        return -3
    score = 0
    if cell.lower() in _NAMES:
        score += 3
    elif cell.endswith(_NAME_ENDINGS):
        score += 1
    if not values:
        return score
    if _are_numbers(values):
        return score + 3
    if sum(map(len, values)) >= 3 * len(cell) * len(values):
        return score + 1
    kinds = set(map(_kind, values))
    if len(kinds) == 1:
        score += -1 if _kind(cell) in kinds else 1
    return score


def _kind(cell: str) -> tuple[str, ...]:
    """Return the scripts that a cell is written in."""
    return tuple(name for name, pattern in _SCRIPTS if pattern.search(cell))
