"""The one thread that writes what requests bring: what waits is committed together, and answered once it is."""

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, BinaryIO

from sakuin.cluster.writing import WritableIndex, writable
from sakuin.errors import SakuinError
from sakuin.index.documents import Document
from sakuin.index.errors import DocumentError, FilterError
from sakuin.index.settings import Settings
from sakuin.index.where import Where
from sakuin.search.request import SearchError
from sakuin.search.searcher import Searcher
from sakuin.service.hiding import without_paths
from sakuin.service.refusals import Refusal
from sakuin.service.served import LAST_SECONDS
from sakuin.service.uploading import add_files

MOST_WAITING = 64
"""Requests that may wait to be committed."""

TOGETHER = 1_000
"""Documents of one commit, from where on no further request joins it."""

LOCK_SECONDS = 20
"""How long another writer of the index is waited for."""

NO_FILES = (
    "A cluster takes documents, and no files: send their texts, or put the files into the folder that it was built of "
    "and run `index cluster sync`."
)


@dataclass
class Job:
    """What one request wants written.

    Attributes:
        documents: To be added, in place of those of the same ids.
        ids: Of documents to be removed.
        where: A filter for documents to be removed.
        files: Names and contents of files to be kept and read.
        done: Its answer, or what kept it from being done.
    """

    documents: Sequence[Document] = ()
    ids: Sequence[str] = ()
    where: Where | None = None
    files: Sequence[tuple[str, BinaryIO]] = ()
    done: "Future[Mapping[str, Any]]" = field(default_factory=Future)


class Writing:
    """Writes to an index, one commit after the other. Safe to use from several threads."""

    def __init__(self, searcher: Searcher) -> None:
        """Write to the index of a searcher; prefer `written`."""
        self._searcher = searcher
        self._index = writable(searcher, timeout=LOCK_SECONDS)
        self._jobs: queue.Queue[Job | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="writing", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait a few seconds for the commits under way; what is not committed then was not acknowledged either."""
        try:
            self._jobs.put(None, timeout=LAST_SECONDS)
        except queue.Full:
            return
        self._thread.join(LAST_SECONDS)

    def submit(self, job: Job) -> "Future[Mapping[str, Any]]":
        """Have a job done; raises Refusal where too many are waiting."""
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            message = "Too many requests wait to be written: try again in a second."
            raise Refusal(503, message, "overloaded", headers={"Retry-After": "1"}) from None
        return job.done

    def _run(self) -> None:
        ending = False
        while not ending:
            jobs, ending = self._waiting()
            for adds, some in groupby(jobs, key=lambda job: bool(job.documents)):
                if adds:
                    self._add(list(some))
                else:
                    for job in some:
                        self._finish(job)

    def _waiting(self) -> tuple[list[Job], bool]:
        """The jobs that wait, at least one, and whether there will be no more."""
        jobs: list[Job] = []
        size = 0
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            size += len(job.documents)
            if size >= TOGETHER:
                return jobs, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, False
        return jobs, True

    def _add(self, jobs: Sequence[Job]) -> None:
        """Add the documents of jobs in one commit; where one cannot be, each job in a commit of its own."""
        if len(jobs) > 1:
            try:
                self._require_index()
                self._index.add([document for job in jobs for document in job.documents])
            except Exception:
                pass
            else:
                for job in jobs:
                    job.done.set_result(stored(job))
                return
        for job in jobs:
            self._finish(job)

    def _finish(self, job: Job) -> None:
        """Do one job in a commit of its own."""
        try:
            job.done.set_result(self._done(job))
        except DocumentError as error:
            # What is wrong with a document alone was told before it came here.
            job.done.set_exception(Refusal(409, self._told(error), "document_of_file"))
        except (FilterError, SearchError) as error:
            job.done.set_exception(Refusal(400, str(error), param="where"))
        except Refusal as refusal:
            job.done.set_exception(refusal)
        except SakuinError as error:
            job.done.set_exception(Refusal(503, self._told(error), error.code, headers={"Retry-After": "5"}))
        except Exception as error:
            job.done.set_exception(error)

    def _told(self, error: SakuinError) -> str:
        return without_paths(str(error), self._searcher.folder)

    def _require_index(self) -> None:
        """Raise IndexFolderError where the index was deleted or replaced: another would be made in its place."""
        assert self._searcher.manifest

    def _done(self, job: Job) -> Mapping[str, Any]:
        self._require_index()
        if job.documents:
            self._index.add(job.documents)
            return stored(job)
        if job.files:
            if not isinstance(self._index, WritableIndex):
                raise Refusal(501, NO_FILES, "not_for_clusters")
            index = self._index.index
            return add_files(index.folder, Settings(index.model), files=job.files, timeout=LOCK_SECONDS)
        changes = self._index.delete(job.ids) if job.where is None else self._index.delete_where(job.where)
        return {"removed": changes.removed}


def stored(job: Job) -> Mapping[str, Any]:
    """The answer to a job whose documents are committed."""
    return {"stored": len({document.id for document in job.documents})}


@contextmanager
def written(searcher: Searcher, wanted: bool) -> Iterator[Writing | None]:
    """What writes to the index of a searcher while a service runs; None where it is not to be written to."""
    if not wanted:
        yield None
        return
    writing = Writing(searcher)
    try:
        yield writing
    finally:
        writing.close()
