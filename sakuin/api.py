"""The writing side of an index, for programs."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sakuin.embedder import StaticEmbedder
from sakuin.index import DEFAULT_INDEX, build, integrity, maintenance, store
from sakuin.index.backup import backup
from sakuin.index.documents import Document
from sakuin.index.lock import WAIT_SECONDS
from sakuin.index.model import load_model
from sakuin.index.problems import Problem
from sakuin.index.readers.guarded import Limits
from sakuin.index.records import ids_of, records_of
from sakuin.index.report import Progress, Report, no_progress
from sakuin.index.settings import Settings, adopted
from sakuin.index.snapshot import open_index
from sakuin.index.store.facets import field_names
from sakuin.index.store.filters import matching_documents
from sakuin.index.store.listing import reading
from sakuin.index.upsert import Changes, add_documents, delete_documents
from sakuin.index.where import Where, condition_of, fields_of, require_fields
from sakuin.index.writer import IndexWriter
from sakuin.search import Searcher

if TYPE_CHECKING:
    from sakuin.tuning.fitting import FusionComparison
    from sakuin.tuning.judged import JudgedQuery
    from sakuin.tuning.judgements import Judgement

StrPath = str | os.PathLike[str]


class Index:
    """An index to write to; `Searcher` is its reading side.

    Every method that changes something is one atomic commit: killed at any moment, the index is as it was before or
    after. Safe to use from several threads and processes: writers wait for each other, readers for nobody.

    Example:
        with Index.open(".sakuin") as index:
            index.add([{"id": "faq-1", "text": "有給休暇は三日前までに申請してください。", "year": 2024}])
            with index.searcher() as searcher:
                print(searcher.search("休みたい").hits[0].document.id)
    """

    def __init__(self, folder: Path, settings: Settings, timeout: float) -> None:
        """Prefer `Index.open`."""
        self.folder = folder
        self.timeout = timeout
        self._settings = settings

    @classmethod
    def open(
        cls,
        folder: StrPath = DEFAULT_INDEX,
        *,
        model: str | StaticEmbedder | None = None,
        dim: int | None = None,
        timeout: float = WAIT_SECONDS,
    ) -> "Index":
        """Open the index in a folder, and make it if it is not there.

        Args:
            folder: Of the index.
            model: Model folder, hub name, or a model that is loaded already; None for that of the index, or for the
                packaged model where the index is new.
            dim: Dimensions stored of each vector; None for those of the index, or for 256 where it is new.
            timeout: Seconds that each change waits for another writer to finish.

        Raises:
            IndexFolderError: the folder holds something else, is damaged, or was made with another model or dimension.
            ModelError: the model cannot be loaded.
        """
        path = Path(folder).absolute()
        settings = Settings(model, dim)
        manifest = store.committed_manifest(path)
        if manifest is None:
            with IndexWriter(path, settings, timeout=timeout) as writer:
                writer.commit()
                return cls(path, Settings(writer.model, writer.manifest.dim), timeout)
        adopted(manifest, settings, path)
        return cls(path, Settings(load_model(manifest, path, settings.loaded), manifest.dim), timeout)

    def __enter__(self) -> "Index":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held between two calls, so nothing is let go of; here for the habit of closing what was opened."""

    @property
    def model(self) -> StaticEmbedder:
        """The model of the index, loaded once; give it to other indexes and searchers."""
        model = self._settings.loaded
        assert model is not None
        return model

    def __len__(self) -> int:
        """Number of documents."""
        return self.counts()["documents"]

    def __bool__(self) -> bool:
        """An index that holds nothing is one all the same."""
        return True

    def counts(self) -> dict[str, int]:
        """Numbers of files, documents, distinct passages, places where a passage stands again, and skipped files."""
        with closing(open_index(self.folder)) as snapshot:
            return snapshot.counts()

    def add(
        self, documents: Iterable[Document | Mapping[str, Any]] | Document | Mapping[str, Any], *, split: bool = True
    ) -> Changes:
        """Add documents, in place of those of the same ids.

        Args:
            documents: Documents, or dictionaries with "id", "text" and, if wanted, "title", "uri" and "metadata";
                whatever else a dictionary holds is metadata too, so a DataFrame of pandas will do. An
                iterator is read as it goes, so that millions need little memory. Metadata are texts, numbers, booleans,
                dates (stored as ISO 8601 writes them) and lists of these; None and NaN are left out.
            split: Cut texts into passages of a few sentences; False for texts that are passages already.

        Raises:
            DocumentError: one cannot be added; nothing is changed then.
            IndexFolderError: another writer did not finish in time, or the disk is full.
        """
        return add_documents(records_of(documents), self.folder, self._settings, cut=split, timeout=self.timeout)

    def delete(self, ids: Iterable[str | int] | str) -> Changes:
        """Remove documents by their ids; those that are not there are passed over."""
        return delete_documents(ids, self.folder, self._settings, timeout=self.timeout)

    def get(self, ids: Iterable[str | int] | str) -> list[Document]:
        """Documents by their ids, in that order; those that are not there are left out."""
        wanted = ids_of(ids)
        with reading(self.folder) as connection:
            found = store.read_documents(connection, wanted)
        return [found[one] for one in wanted if one in found]

    def documents(self, *, where: Where | None = None) -> Iterator[Document]:
        """Documents one after the other, in the order in which they came.

        Args:
            where: Only those that pass a filter, see `Searcher.search`.

        Raises:
            FilterError: the filter makes no sense, or names a field that no document has.
        """
        with reading(self.folder) as connection:
            numbers = None
            if where is not None:
                condition = condition_of(where)
                numbers = matching_documents(connection, condition).tolist()
                if not numbers:
                    require_fields(fields_of(condition), field_names(connection))
            yield from store.stored_documents(connection, numbers)

    def sync(
        self,
        corpus: StrPath,
        *,
        exclude: Sequence[str] = (),
        checksum: bool = False,
        limits: Limits = Limits(),
        ocr: bool = False,
        progress: Progress = no_progress,
    ) -> Report:
        """Bring the index in step with a folder of files: read what is new or changed, remove what is gone.

        Args:
            corpus: The folder. An index is kept in step with one; documents added by `add` or `add_files` stay.
            exclude: Patterns of what to leave out, in gitignore's syntax, besides those of ``.sakuinignore`` files.
            checksum: Compare every file's bytes, also where size and times are those of the last time.
            limits: What reading one file may take.
            ocr: Read text in pictures and on scanned pages too, by an installed tesseract.
            progress: Called with the name of the file at work, bytes done, and bytes to do in all.

        Raises:
            IndexFolderError: there is no such folder, or the index is kept in step with another.
        """
        return build.build(
            Path(corpus),
            self.folder,
            self._settings,
            progress,
            exclude=exclude,
            checksum=checksum,
            limits=replace(limits, ocr=ocr or limits.ocr),
            timeout=self.timeout,
        )

    def add_files(
        self,
        paths: Iterable[StrPath] | StrPath,
        *,
        exclude: Sequence[str] = (),
        checksum: bool = False,
        limits: Limits = Limits(),
        ocr: bool = False,
        progress: Progress = no_progress,
    ) -> Report:
        """Read files, or all files of folders; again, what changed is read and what is gone is forgotten.

        Args:
            paths: One, or several.
            exclude: As for `sync`; so are ``checksum``, ``limits``, ``ocr`` and ``progress``.
            checksum: As for `sync`.
            limits: As for `sync`.
            ocr: As for `sync`.
            progress: As for `sync`.
        """
        given = [paths] if isinstance(paths, str | os.PathLike) else paths
        return build.add(
            [Path(path) for path in given],
            self.folder,
            self._settings,
            progress,
            exclude=exclude,
            checksum=checksum,
            limits=replace(limits, ocr=ocr or limits.ocr),
            timeout=self.timeout,
        )

    def remove_files(self, names: Sequence[str]) -> Report:
        """Remove files, all files of folders, or single documents, as `index remove` does; the disk is left alone.

        Raises:
            IndexFolderError: the index has nothing of one of the names; nothing is removed then.
        """
        return build.remove(names, self.folder, self._settings, timeout=self.timeout)

    def compact(self, *, progress: Progress = no_progress) -> Report | None:
        """Put the index into the form it would have if it were built at once; None where it has it already."""
        return maintenance.compact(self.folder, progress, settings=self._settings, timeout=self.timeout)

    def verify(self) -> list[Problem]:
        """Compare every file of the index with its checksum; returns what is wrong, nothing if the index is whole."""
        return integrity.verify(self.folder)

    def repair(self, *, progress: Progress = no_progress) -> Report:
        """Make damaged vectors and terms anew from the documents.

        Raises:
            IndexFolderError: the documents are damaged themselves.
        """
        return maintenance.repair(self.folder, progress, settings=self._settings, timeout=self.timeout)

    def backup(self, destination: StrPath, *, progress: Progress = no_progress) -> None:
        """Copy the last commit into a folder that is then whole, or not there; others may write meanwhile.

        The files that documents were read from are not copied. `index restore` puts the copy in the index's place; it
        can also be opened where it is.

        Args:
            destination: A folder that is not there yet, or empty.
            progress: Called with the file at work, bytes copied, and bytes to copy in all.

        Raises:
            IndexFolderError: the index is damaged, or the copy cannot be written; nothing is left behind.
        """
        backup(self.folder, Path(destination).absolute(), progress)

    def judge(
        self, query: str, document: str | None, *, answers: bool | None, passage: str | None = None
    ) -> "Judgement":
        """Note in the index's folder whether a document answers a query; `tune` uses it. On the disk when it returns.

        Args:
            query: As asked.
            document: The id of a document, a file, or the id of a passage; None for the whole index, with
                ``answers=False``: nothing in it answers.
            answers: Whether it answers; None withdraws what was said before.
            passage: ``hit.passage_id`` of the passage that was seen.

        Raises:
            EvaluationError: the query is empty, the index has nothing of that name, or it cannot be written.
        """
        from sakuin.tuning.judgements import append, judgement_of, require_known

        judgement = judgement_of(query, document, answers=answers, passage=passage)
        require_known(judgement, self.folder)
        append(self.folder, judgement)
        return judgement

    def judgements(self) -> "list[Judgement]":
        """What was judged by `judge` and on the page, and not withdrawn, in that order."""
        from sakuin.tuning.judgements import read

        return read(self.folder)

    def tune(
        self,
        judged: "Sequence[JudgedQuery] | StrPath | None" = None,
        *,
        dim: int | None = None,
        rerank: str | None = None,
    ) -> "FusionComparison":
        """Fit how much words count beside meaning to queries whose answers are known; kept if better beyond chance.

        Args:
            judged: The queries, or a JSON Lines file of them, see `index tune --help`; None for `judgements`.
            dim: Compare only the first so many dimensions; None for all that are stored.
            rerank: Also ask this transformer for a second opinion, such as "e5-small", and do so in every hybrid search
                from then on if that is better beyond chance.

        Raises:
            OpinionError: the transformer cannot be had.
            EvaluationError: too few queries are judged, or nothing judged is in the index.
        """
        from sakuin.tuning.fitting import compare_fusions, keep
        from sakuin.tuning.judged import read_judged
        from sakuin.tuning.judgements import require_judged
        from sakuin.tuning.opinion import compare_opinion, keep_opinion

        if judged is None:
            queries: Sequence[JudgedQuery] = require_judged(self.judgements(), self.folder)
        else:
            queries = read_judged(Path(judged)) if isinstance(judged, str | os.PathLike) else judged
        with self.searcher() as searcher:
            comparison = compare_fusions(searcher, queries, dim=dim)
            if comparison.better:
                keep(self.folder, comparison.tuned, model=self.model, timeout=self.timeout)
            if rerank:
                better = compare_opinion(searcher, queries, rerank, dim=dim).better
                keep_opinion(self.folder, rerank if better else "", model=self.model, timeout=self.timeout)
        return comparison

    def searcher(self) -> Searcher:
        """The reading side, which sees every later commit too; close it, or use it in a ``with`` block."""
        return Searcher.open(self.folder, model=self.model)
