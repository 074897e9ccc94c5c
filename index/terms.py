"""The keyword side of an index: BM25 (Lucene's idf, k1 1.2, b 0.75) over our own terms, on tantivy.

A generation is a folder. It is written once by a ``TermsWriter`` and then only read. The next generation starts from
hard links to the files of the last: tantivy never changes a segment file, it writes new ones and unlinks old names, so
a folder that a writer started from stays as it is whatever becomes of the writer.

Scores are those of BM25 with three habits of tantivy: the length of a passage is rounded to about one part in eight;
the factor (k1 + 1), which ranks nothing, is kept; and removed passages count in idf and mean length until their
segment is merged.
"""

import json
import math
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sakuin.index.errors import IndexFolderError
from sakuin.index.text import Analyser, is_japanese

if TYPE_CHECKING:
    import tantivy

WRITER_HEAP_BYTES = 512_000_000
"""At most; the fuller a segment is when it is written, the fewer there are to search."""

WRITER_THREADS = 1
"""One beside the thread that analyses, which is the slower of the two."""

MAX_QUERY_TERMS = 1_024
"""Of a longer query the terms that the fewest passages have are kept."""

OTHER_WEIGHT = 3
"""What a term that is not Japanese counts in a query. A Japanese word is seen again through its kanji and its pairs;
without this a foreign word in a Japanese query would count a third of its neighbours."""

NAMED = 16
"""A search that is kept to n of N passages names them to tantivy where n * n <= 16 * N, up to some 1,300 of 100,000.
Otherwise tantivy lists as many as should hold enough of them, and the others are passed over. The first takes time with
n, the second with N / n."""

COUNTED_WHOLE = 100_000
"""Passages of an index up to which every search counts all terms of a query: that takes a millisecond or less."""

CROWDED = 0.02
"""Share of the passages from which on a term is no rough one. Most of them are single kanji; they take most of the time
of a search, for passages that have nothing else of the query."""

ENOUGH = 1_000
"""Passages that one of the rough terms should have at least, so that a list of the best is full; otherwise no term of
the query is left out."""

SPARE = 50
"""Hits asked for beyond those wanted, in case the last place is tied: asking again takes as long as asking first."""

_QUERIES_KEPT = 64

_SCORE_DECIMALS = 4
"""Scores that differ by less than tantivy's order of summing changes them are ties."""

_ID = "id"
_TERMS = "terms"
_COPIED = ("meta.json", ".managed.json")

_WRITE_REMEDY = "Check that the disk has room and that the folder may be written, then build again."
_READ_REMEDY = "If its files may be read by you, it is damaged: delete the index folder and build it again."


class TermsWriter:
    """Prepares a new generation of the term index in a folder of its own.

    Nothing of it can be searched before ``commit``, which is also the writer's end. A writer that is dropped without
    leaves a folder that nobody needs.
    """

    def __init__(self, folder: Path, base: Path | None) -> None:
        """Starts a generation.

        Args:
            folder: Where it will lie; must not exist or be empty.
            base: Folder of the committed generation that it adds to or removes from; None to start with nothing.

        Raises:
            IndexFolderError: ``folder`` is in use or cannot be written, or ``base`` is damaged.
        """
        import tantivy

        self._folder = folder
        self._analyser = Analyser()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise IndexFolderError(f"{folder} is not empty: a new generation of terms needs a folder of its own.")
            if base is not None:
                _link(base, folder)
        except OSError as error:
            raise IndexFolderError(f"Cannot prepare the term index in {folder}: {error}. {_WRITE_REMEDY}") from error
        with _explained(folder, "cannot be prepared", _WRITE_REMEDY if base is None else _READ_REMEDY):
            index = tantivy.Index(_schema(), path=str(folder)) if base is None else tantivy.Index.open(str(folder))
            self._schema = index.schema
            self._writer = index.writer(WRITER_HEAP_BYTES, WRITER_THREADS)

    def add(self, passage_ids: Sequence[int], texts: Sequence[str]) -> None:
        """Adds passages; an id that is in the index already must be removed first."""
        self.add_analysed(passage_ids, self._analyser.joined(texts))

    def add_analysed(self, passage_ids: Sequence[int], terms: Sequence[str]) -> None:
        """Adds passages whose terms, parted by spaces, are known (see `sakuin.index.text.workers`)."""
        from tantivy import Document

        with _explained(self._folder, "cannot be written", _WRITE_REMEDY):
            for passage_id, joined in zip(passage_ids, terms, strict=True):
                document = Document()
                document.add_unsigned(_ID, int(passage_id))
                document.add_text(_TERMS, joined)
                self._writer.add_document(document)

    def remove(self, passage_ids: Sequence[int]) -> None:
        """Removes passages; ids that are not in the index are passed over."""
        from tantivy import Query

        if not len(passage_ids):
            return
        with _explained(self._folder, "cannot be written", _WRITE_REMEDY):
            # By query: delete_documents_by_term takes every int for a signed number and finds none in this field.
            chosen = Query.term_set_query(self._schema, _ID, [int(passage_id) for passage_id in passage_ids])
            self._writer.delete_documents_by_query(chosen)

    def commit(self) -> None:
        """Makes the generation durable, waits for merges, sweeps what they left over and closes the writer."""
        with _explained(self._folder, "cannot be written", _WRITE_REMEDY):
            self._writer.commit()
            self._writer.garbage_collect_files()
            self._writer.wait_merging_threads()
            self._share()
        sync_folder(self._folder)

    def _share(self) -> None:
        """Let those read the index who may read its segments; tantivy keeps some files to their owner."""
        segments = [path for path in self._folder.iterdir() if path.suffix in (".term", ".idx")]
        for name in _COPIED if segments else ():
            shutil.copymode(segments[0], self._folder / name)


@dataclass(frozen=True, slots=True)
class TermScore:
    """What one term of a query adds to the score of a passage, and the numbers that it is made of.

    Attributes:
        term: As analysed.
        value: weight * factor * idf * saturation, as tantivy computes it.
        weight: Of the term in the query: how often it occurs there, threefold if it is not Japanese.
        factor: k1 + 1.
        idf: log(1 + (passages - having + 0.5) / (having + 0.5)).
        having: Passages that have the term; passages: all. Both count those that are removed but not yet merged away.
        saturation: frequency / (frequency + k1 * (1 - b + b * length / mean_length)).
        frequency: How often the passage has the term.
        length: Terms of the passage, rounded down to about one part in eight.
        mean_length: Terms of a passage on average.
        k1, b: Parameters of BM25.
    """

    term: str
    value: float
    weight: float
    factor: float
    idf: float
    having: float
    passages: float
    saturation: float
    frequency: float
    length: float
    mean_length: float
    k1: float
    b: float


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a query asks of a generation.

    Attributes:
        weights: Its distinct terms with their weights.
        rough: Those of them that are `Terms.rough_terms`.
        full_score: See `Terms.full_score`.
    """

    weights: dict[str, float]
    rough: dict[str, float]
    full_score: float


class Terms:
    """A committed generation, open for reading; safe for use by several threads.

    Attributes:
        analyser: How queries are read, the same as passages were.
    """

    def __init__(self, folder: Path) -> None:
        """Opens a generation.

        Raises:
            IndexFolderError: The folder is missing, damaged or holds something else.
        """
        import tantivy

        self._folder = folder
        self.analyser = Analyser()
        with _explained(folder, "cannot be opened", _READ_REMEDY):
            index = tantivy.Index.open(str(self._lockable(folder)))
            index.config_reader("manual")
            self._schema = index.schema
            self._searcher = index.searcher()
            self._searcher.doc_freq(_TERMS, "")
            self._searcher.doc_freq(_ID, 0)
        self._asked: dict[str, _Asked] = {}
        self._asking = Lock()

    def _lockable(self, folder: Path) -> Path:
        """The folder, or one of links to its files where it may not be written: tantivy opens by way of a lock file."""
        if not folder.is_dir() or os.access(folder, os.W_OK):
            return folder
        self._links = TemporaryDirectory(prefix="sakuin-")
        for file in folder.iterdir():
            if file.suffix != ".lock":
                Path(self._links.name, file.name).symlink_to(file.resolve())
        return Path(self._links.name)

    @property
    def num_passages(self) -> int:
        """How many passages can be found."""
        return int(self._searcher.num_docs)

    def terms_of(self, query: str) -> list[str]:
        """The terms a query is searched by, as often as they occur in it."""
        return self.analyser.terms(query)

    def search(
        self, query: str, k: int, within: NDArray[np.int64] | None = None, rough: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The ids and BM25 scores of the ``k`` best passages, best first, ties by ascending id.

        Only passages that have a term of the query are listed, so there may be fewer.

        Args:
            query: Any text.
            k: At most so many.
            within: Ids (n,), ascending, of the only passages to list; None for all. It changes no score.
            rough: Count only the `rough_terms` of the query.
        """
        weights = self._ask(query).rough if rough else self._ask(query).weights
        among = self.num_passages if within is None else len(within)
        wanted = min(k, self.num_passages, among)
        if not weights or wanted < 1:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        with self._searching():
            built = self._any_of(weights)
            if within is not None and among * among <= NAMED * self.num_passages:
                built, within = self._within(within.tolist(), built), None
            # Would do if those to list were as common among the best as elsewhere, and a quarter for chance.
            spread = 1 if within is None else 1.25 * self.num_passages / among
            limit = min(int((wanted + SPARE) * spread), self.num_passages)
            while True:
                ids, scores = self._hits(built, limit)
                exhausted = len(ids) < limit or limit == self.num_passages
                last = scores[-1] if len(scores) else 0
                if within is not None:
                    kept = within[np.minimum(np.searchsorted(within, ids), among - 1)] == ids
                    ids, scores = ids[kept], scores[kept]
                # The last place may be tied with passages beyond the limit: look further until the tie is in view.
                if exhausted or (len(ids) >= wanted and scores[wanted - 1] > last):
                    break
                limit = min(limit * 4, self.num_passages)
        order = np.lexsort((ids, -scores))[:wanted]
        return ids[order], scores[order]

    def scores(self, query: str, passage_ids: Sequence[int]) -> NDArray[np.float32]:
        """The BM25 score of each of the passages for the query; 0 where no term matches."""
        weights = self._ask(query).weights
        if not weights or not len(passage_ids):
            return np.zeros(len(passage_ids), np.float32)
        with self._searching():
            ids, scores = self._hits(self._within(passage_ids, self._any_of(weights)), len(passage_ids))
        by_id = dict(zip(ids.tolist(), scores.tolist(), strict=True))
        return np.array([by_id.get(int(passage_id), 0.0) for passage_id in passage_ids], np.float32)

    def full_score(self, query: str) -> float:
        """The score of a passage of mean length that has every term of the query once: the sum of weighted idfs.

        The best score over this tells how much of the query the words of any passage cover.
        """
        return self._ask(query).full_score

    def rough_terms(self, query: str) -> list[str]:
        """The terms that candidates are found by: in a large index, those of the query that are not `CROWDED`.

        Most passages that matter have others too, and looking at all that have a crowded one takes most of a search's
        time. Where too few passages have a term that is left, and in a smaller index, all terms of the query.
        """
        return list(self._ask(query).rough)

    def leaves_out(self, query: str) -> bool:
        """Whether the query has terms that are not among its `rough_terms`."""
        asked = self._ask(query)
        return len(asked.rough) < len(asked.weights)

    def _ask(self, query: str) -> _Asked:
        """What a query asks for; the last few are kept, for one search needs it several times."""
        # Not lru_cache: that of a method makes a cycle, which would keep the files of an old generation mapped until
        # Python looks for cycles.
        if (known := self._asked.get(query)) is not None:
            return known
        weights, passages = self._weigh(query), self.num_passages
        with self._searching():
            having = {term: self._searcher.doc_freq(_TERMS, term) for term in weights}
        full = sum(
            weight * math.log1p((passages - min(having[term], passages) + 0.5) / (having[term] + 0.5))
            for term, weight in weights.items()
        )
        asked = _Asked(weights, thinned_out(weights, having, passages), full)
        with self._asking:
            while len(self._asked) >= _QUERIES_KEPT:
                del self._asked[next(iter(self._asked))]
            self._asked[query] = asked
        return asked

    def explained(self, query: str, passage_id: int) -> list[TermScore]:
        """What each term of the query adds to the score of one passage, most first; the parts sum to the score."""
        parts: list[TermScore] = []
        with self._searching():
            for term, weight in self._ask(query).weights.items():
                plain = self._term(term)
                hits = self._searcher.search(self._within([passage_id], plain), 1, count=False).hits
                if hits:
                    parts.append(
                        _term_score(term, weight, json.loads(plain.explain(self._searcher, hits[0][1]).to_json()))
                    )
        return sorted(parts, key=lambda part: (-part.value, part.term))

    def _weigh(self, query: str) -> dict[str, float]:
        """The distinct terms of the query with their weights; repeating a term sums, as Lucene does."""
        counts = Counter(self.terms_of(query))
        terms = list(counts)
        if len(terms) > MAX_QUERY_TERMS:
            with self._searching():
                frequency = {term: self._searcher.doc_freq(_TERMS, term) for term in terms}
            known = [term for term in terms if frequency[term]]
            terms = sorted(known, key=lambda term: (frequency[term], term))[:MAX_QUERY_TERMS]
        return {term: float(counts[term] * (1 if is_japanese(term) else OTHER_WEIGHT)) for term in terms}

    def _term(self, term: str) -> "tantivy.Query":
        from tantivy import Query

        return Query.term_query(self._schema, _TERMS, term, "freq")

    def _any_of(self, weights: dict[str, float]) -> "tantivy.Query":
        from tantivy import Occur, Query

        return Query.boolean_query(
            [(Occur.Should, Query.boost_query(self._term(term), weight)) for term, weight in weights.items()]
        )

    def _within(self, passage_ids: Sequence[int], query: "tantivy.Query") -> "tantivy.Query":
        """The query kept to some passages, scores unchanged."""
        from tantivy import Occur, Query

        # Each id by itself: a term set query walks the whole dictionary of ids, which takes ten times as long.
        chosen = Query.boolean_query(
            [(Occur.Should, Query.term_query(self._schema, _ID, int(passage_id))) for passage_id in passage_ids]
        )
        return Query.boolean_query([(Occur.Must, Query.const_score_query(chosen, 0.0)), (Occur.Must, query)])

    def _hits(self, query: "tantivy.Query", limit: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        hits = self._searcher.search(query, limit, count=False).hits
        ids = self._searcher.fast_field_values(_ID, [address for _, address in hits])
        scores = np.array([score for score, _ in hits], np.float32)
        return np.array(ids, np.int64), np.round(scores, _SCORE_DECIMALS)

    def _searching(self) -> AbstractContextManager[None]:
        return _explained(self._folder, "cannot be searched", _READ_REMEDY)


def thinned_out(weights: dict[str, float], having: dict[str, int], passages: int) -> dict[str, float]:
    """The weights of `Terms.rough_terms`.

    Args:
        weights: Of all terms of a query.
        having: How many passages have each.
        passages: How many there are.
    """
    if passages <= COUNTED_WHOLE:
        return weights
    kept = {term: weight for term, weight in weights.items() if having[term] <= CROWDED * passages}
    return kept if max((having[term] for term in kept), default=0) >= ENOUGH else weights


def _schema() -> "tantivy.Schema":
    """A passage is its id and its terms, counted but without positions; no text is stored."""
    from tantivy import SchemaBuilder

    builder = SchemaBuilder()
    builder.add_unsigned_field(_ID, indexed=True, fast=True)
    builder.add_text_field(_TERMS, tokenizer_name="whitespace", index_option="freq")
    return builder.build()


def _term_score(term: str, weight: float, explained: dict[str, Any]) -> TermScore:
    """Reads tantivy's explanation: (k1 + 1), idf with n and N, saturation with freq, k1, b, dl and avgdl."""
    factor, idf, saturation = explained["details"]
    having, passages = (detail["value"] for detail in idf["details"])
    frequency, k1, b, length, mean_length = (detail["value"] for detail in saturation["details"])
    return TermScore(
        term=term,
        value=weight * explained["value"],
        weight=weight,
        factor=factor["value"],
        idf=idf["value"],
        having=having,
        passages=passages,
        saturation=saturation["value"],
        frequency=frequency,
        length=length,
        mean_length=mean_length,
        k1=k1,
        b=b,
    )


def _link(base: Path, folder: Path) -> None:
    """Gives ``folder`` the files of ``base``: segments by hard link, or by copy where the disk cannot link."""
    for file in base.iterdir():
        if file.suffix == ".lock" or not file.is_file():
            continue
        target = folder / file.name
        if file.name in _COPIED:
            shutil.copyfile(file, target)
            continue
        try:
            os.link(file, target)
        except OSError:
            shutil.copyfile(file, target)


def sync_folder(folder: Path) -> None:
    """Makes the names in the folder durable; systems that cannot open a folder do so without being asked."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


@contextmanager
def _explained(folder: Path, what: str, remedy: str) -> Iterator[None]:
    """Turns what tantivy raises into our error; a panic inside it is no ``Exception`` to Python."""
    try:
        yield
    except (IndexFolderError, KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:
        raise IndexFolderError(f"The term index in {folder} {what}: {error}. {remedy}") from error
