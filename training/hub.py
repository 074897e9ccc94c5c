"""Data sets of the Hugging Face hub as sources of pairs, whatever their columns are called."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sakuin.extras import missing
from sakuin.training.errors import TrainingError

PairWithNegatives = tuple[str, str, tuple[str, ...]]
"""A query, a passage, and passages that do not answer."""

# Names of (query, passage) in data sets made for sentence-transformers, for hpprc/emb and for SWIM-IR; the first that a
# data set has is taken. Those with a text for each role stand before those with looser names.
KNOWN_COLUMNS = (
    ("anchor", "positive"),
    ("query", "positive"),
    ("question", "positive"),
    ("anchor", "positives"),
    ("query", "positives"),
    ("anc", "pos"),
    ("query", "pos"),
    ("query", "pos_text"),
    ("question", "answer"),
    ("query", "answer"),
    ("question", "passage"),
    ("query", "passage"),
    ("question", "context"),
    ("query", "document"),
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("query", "text"),
)
NEGATIVE = re.compile(r"neg(ative)?s?(_?\d+)?|negs?_text")
# With these, some rows are pairs that do not belong together.
GRADES = frozenset({"label", "labels", "score", "similarity"})


@dataclass(frozen=True)
class Columns:
    """Which columns hold what.

    Attributes:
        query: Column of a text.
        passage: Column of a text, or of a list of texts, each of which answers the query.
        negatives: Columns of a text or of a list of texts.
        title: Column of a text that goes before the passage on a line of its own, if any.
    """

    query: str
    passage: str
    negatives: tuple[str, ...] = ()
    title: str | None = None


def load_rows(dataset: str, *, subset: str | None, split: str) -> Iterable[Mapping[str, Any]]:
    """Rows of a data set of the hub, streamed: what is not read is not downloaded, and nothing is kept on disk.

    Args:
        dataset: ``owner/name``, or a folder of JSON Lines or Parquet files.
        subset: Its configuration; None takes the only or the default one.
        split: ``train``, for example.

    Returns:
        The rows.

    Raises:
        TrainingError: `datasets` is not installed, the hub cannot be reached, or it has no such data set, subset or
            split; also in the middle of the rows, where the network fails.
    """
    try:
        from datasets import load_dataset
        from datasets.exceptions import DatasetNotFoundError
    except ImportError as error:
        raise TrainingError(f"Cannot read {dataset}. {missing('datasets', 'train')}") from error
    where = describe(dataset, subset, split)
    try:
        rows = load_dataset(dataset, subset, split=split, streaming=True)
    except DatasetNotFoundError as error:
        raise TrainingError(
            f"{where}: the hub has no such data set, or shows it only to those it knows ({error}). Correct `hub` in "
            f"the recipe, or log in with `hf auth login`."
        ) from error
    except OSError as error:
        raise unreachable(where, error) from error
    except ValueError as error:
        raise TrainingError(f"{where}: {error} Correct `subset` or `split` in the recipe.") from error
    return watched(rows, where)


def describe(dataset: str, subset: str | None, split: str) -> str:
    """What messages call a data set."""
    return f"{dataset}, {f'subset {subset}, ' if subset else ''}split {split}"


def watched(rows: Iterable[Mapping[str, Any]], where: str) -> Iterator[Mapping[str, Any]]:
    """The rows; a network that fails between them is a TrainingError."""
    try:
        yield from rows
    except OSError as error:
        raise unreachable(where, error) from error


def unreachable(where: str, error: OSError) -> TrainingError:
    """The error of a hub that does not answer."""
    return TrainingError(
        f"{where}: the Hugging Face hub cannot be reached ({error}). Connect this machine to the network and start "
        f"again, or take the source out of the recipe."
    )


def pairs_of(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None, *, where: str
) -> Iterator[PairWithNegatives]:
    """(query, passage, negatives) of every row; a row with a list of passages gives one pair for each of them.

    Args:
        rows: Of a data set; all have the same columns.
        columns: Names of the query's, the passage's and any number of negatives' columns; None recognises the usual
            names, and puts a ``title`` before a passage that is called ``text``.
        where: What messages call the data set.

    Yields:
        The texts as they stand. Empty negatives and negatives that are also passages of the row are left out.

    Raises:
        TrainingError: columns that are missing or not recognised; a query or passage that is empty or not a text. The
            message names the data set, the row (counted from 1) and the column.
    """
    found: Columns | None = None
    for number, row in enumerate(rows, 1):
        if found is None:
            found = named_columns(columns, row, where) if columns is not None else known_columns(row, where)
        row_name = f"{where}, row {number}"
        query = text_of(row, found.query, row_name)
        passages = passages_of(row, found, row_name)
        negatives = tuple(
            negative
            for column in found.negatives
            for negative in as_list(row.get(column))
            if is_text(negative) and negative not in passages
        )
        for passage in passages:
            yield query, passage, negatives


def named_columns(columns: Sequence[str], row: Mapping[str, Any], where: str) -> Columns:
    """The columns a recipe names; raises TrainingError where a row lacks one."""
    if len(columns) < 2:
        raise TrainingError(f"{where}: `columns` must name the query's and the passage's column, then any negatives'.")
    missing = [column for column in columns if column not in row]
    if missing:
        raise TrainingError(f"{where}: no column {', '.join(missing)}. Its columns: {', '.join(row)}.")
    return Columns(columns[0], columns[1], tuple(columns[2:]))


def known_columns(row: Mapping[str, Any], where: str) -> Columns:
    """The columns that have a usual name; raises TrainingError where there are none, or where rows are graded."""
    graded = sorted(GRADES & set(row))
    if graded:
        raise TrainingError(
            f"{where}: the column {graded[0]} says that not all its rows belong together. Choose another `subset`, or, "
            f"if all of them do, name the query's and the passage's column with `columns`."
        )
    for query, passage in KNOWN_COLUMNS:
        if query in row and passage in row:
            negatives = tuple(column for column in row if NEGATIVE.fullmatch(column))
            return Columns(query, passage, negatives, "title" if passage == "text" and "title" in row else None)
    raise TrainingError(
        f"{where}: which columns are query and passage? Its columns: {', '.join(row)}. Name them with `columns` in the "
        f"recipe."
    )


def passages_of(row: Mapping[str, Any], columns: Columns, row_name: str) -> list[str]:
    """The passages of a row, under their title where there is one."""
    texts = as_list(row.get(columns.passage))
    if not texts or not all(map(is_text, texts)):
        raise no_text(row, columns.passage, row_name)
    title = row.get(columns.title) if columns.title else None
    return [f"{title}\n{text}" for text in texts] if is_text(title) else texts


def text_of(row: Mapping[str, Any], column: str, row_name: str) -> str:
    """The text in a column; raises TrainingError where there is none."""
    value = row.get(column)
    if not isinstance(value, str) or not value.strip():
        raise no_text(row, column, row_name)
    return value


def no_text(row: Mapping[str, Any], column: str, row_name: str) -> TrainingError:
    """The error of a query or passage that is not one."""
    return TrainingError(
        f"{row_name}, column {column}: {row.get(column)!r:.60} is not a text with something in it. Choose other "
        f"`columns` or another `subset`, or end the source before this row with `cap`."
    )


def as_list(value: Any) -> list[Any]:
    """A list as it is, anything else as the only member of one."""
    return list(value) if isinstance(value, list | tuple) else [value]


def is_text(value: Any) -> bool:
    """Whether it is a string with something in it."""
    return isinstance(value, str) and bool(value.strip())
