"""The service of one index over HTTP: search, what it can be restricted to, what the index is, and vectors of texts."""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import orjson
from fastapi import FastAPI, Query, Security
from fastapi.responses import Response
from fastapi.security import HTTPBearer
from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator
from starlette.middleware.cors import CORSMiddleware

from sakuin.index.where import Where
from sakuin.search.request import MAX_K, MAX_PASSAGES, MAX_RESCORED, MAX_TOP, SearchRequest
from sakuin.search.searcher import Searcher
from sakuin.service.answers import FacetsAnswer, HealthAnswer, InfoAnswer, SearchAnswer
from sakuin.service.bounded import MAX_ANSWER, with_list
from sakuin.service.documents import documents_router
from sakuin.service.embeddings import embeddings_router
from sakuin.service.ending import Ending
from sakuin.service.filters import ADDRESS_WHERE, BODY_WHERE, AddressCondition, read_conditions, read_where
from sakuin.service.finding import found
from sakuin.service.gate import Gate
from sakuin.service.keys import Keys
from sakuin.service.listing import listing_router
from sakuin.service.observing import Observed, metrics_router
from sakuin.service.page import page_router
from sakuin.service.paths import Endpoints
from sakuin.service.reading import reading_router
from sakuin.service.refusals import ErrorAnswer, answer_refusals
from sakuin.service.request_log import RequestLog
from sakuin.service.reranking import reranking_router
from sakuin.service.served import Served
from sakuin.service.work import Arguments, Threads
from sakuin.service.writing import Writing

if TYPE_CHECKING:
    from sakuin.service.metrics import Metrics

METHODS = ("GET", "POST", "PUT", "DELETE")
UNDESCRIBED: dict[str, dict[str, Any]] = {"/openapi.json": {"get": {}}, "/docs": {"get": {}}}
"""Endpoints that the API's description leaves out, and their methods."""

MAX_HITS = 1_000
MAX_OFFSET = MAX_K - MAX_HITS
# Taking one hit's score apart takes some milliseconds for a short query, a tenth of a second for a long one.
MAX_EXPLAINED = 20
MAX_EXPLAINED_CHARACTERS = 500

DESCRIPTION = f"""Search of one index by meaning and by words, and vectors of texts as OpenAI's API gives them.

Bodies are JSON of at most 4 MB. Every answer whose status is 400 or more is
`{{"error": {{"message", "type", "param", "code"}}}}`. 503 with `Retry-After` says that too many requests are
waiting, 413 with the code `answer_too_large` that an answer would have more than {MAX_ANSWER // 1_000_000} MB.
"""


class SearchOptions(Arguments):
    """What to search for, and how."""

    query: str = Field(
        description='Any text, in Japanese, English or both. `"a phrase"`, `-word`, `title:word`, `a OR b`, '
        "`field:value`, `after:2024-04` and `before:2025` hold for every hit.",
        examples=["電車が遅れた証拠がほしい", '経費 "領収書" -旅費 after:2024-04'],
    )
    sort: str | None = Field(
        default=None,
        min_length=1,
        description="Put the best hits, if likely to answer, into the order of a field; `-date`: the newest first.",
    )
    recency: str | None = Field(
        default=None,
        pattern="^[1-9][0-9]{0,4}[dwmy]$",
        description="Move up newer documents, by a tenth of the best score at most, and half as much after this time.",
        examples=["90d"],
    )
    facets: bool = Field(
        default=False, description="Count which values of metadata the documents have that match, not only those given."
    )
    syntax: bool = Field(default=True, description="Whether the query may ask that; false to take it as it stands.")
    k: int = Field(default=10, ge=1, le=MAX_HITS, description="At most so many hits.")
    group: Literal["document", "passage"] = Field(
        default="document", description="What a hit is: a document, in the place of its best passage, or a passage."
    )
    passages: int = Field(default=3, ge=1, le=MAX_PASSAGES, description="Best passages to give of each document.")
    offset: int = Field(default=0, ge=0, le=MAX_OFFSET, description="Leave out so many of the first hits.")
    mode: Literal["hybrid", "dense", "bm25"] = Field(
        default="hybrid", description="By meaning and words, by meaning, or by words."
    )
    dim: int | None = Field(
        default=None,
        ge=1,
        description="Compare only the first so many dimensions of vectors [default: all stored].",
    )
    rescore: int | None = Field(
        default=None,
        ge=1,
        le=MAX_RESCORED,
        description="In a large index, how many first-stage candidates of dense search to compare exactly.",
    )
    explain: bool = Field(
        default=False,
        description=f"Say what each score is made of: of {MAX_EXPLAINED} hits at most, for a query of "
        f"{MAX_EXPLAINED_CHARACTERS} characters at most.",
    )
    min_relevance: float = Field(
        default=0.0, ge=0, le=1, description="Leave out hits that answer with a lower probability."
    )
    rerank: bool | None = Field(
        default=None,
        description="Ask a transformer for a second opinion on the first hits: that of the index, or e5-small "
        "[default: where `index tune` found it worth it].",
    )
    top: int = Field(default=20, ge=1, le=MAX_TOP, description="Ask it about so many of the first passages.")

    @model_validator(mode="after")
    def explain_few(self) -> Self:
        """Refuse explanations that would keep others waiting."""
        if self.explain and (self.k > MAX_EXPLAINED or len(self.query) > MAX_EXPLAINED_CHARACTERS):
            raise ValueError(
                f"The argument 'explain' is for {MAX_EXPLAINED} hits and a query of {MAX_EXPLAINED_CHARACTERS} "
                f"characters at most: give a smaller k or a shorter query."
            )
        return self


class SearchBody(SearchOptions):
    """The arguments of a search."""

    where: Annotated[
        Mapping[str, Any],
        PlainValidator(read_where),
        WithJsonSchema(
            {
                "type": "object",
                "description": BODY_WHERE,
                "examples": [
                    {"folder": ["office"], "type": ["md", "docx"]},
                    {"type": {"$ne": "pdf"}, "$or": [{"folder": "office"}, {"id": {"$prefix": "life/"}}]},
                ],
            }
        ),
    ] = Field(default_factory=dict)


class SearchQuery(SearchOptions):
    """The arguments of a search in an address, where all are text."""

    model_config = ConfigDict(strict=False)

    where: list[AddressCondition] = Field(
        default_factory=list, description=ADDRESS_WHERE, examples=[["folder=office", "type!=pdf"]]
    )


def create_app(searcher: Searcher, served: Served, *, writing: Writing | None = None) -> FastAPI:
    """The service as an ASGI application.

    Args:
        searcher: Of the index to serve; stays the caller's to close.
        served: What is served, and to whom.
        writing: Writes to the index; None where requests may only read.
    """
    # The gate asks for the key, of every request; this says so to who reads the API.
    bearer = HTTPBearer(auto_error=False, description="The key of the service.")
    app = FastAPI(
        title="sakuin",
        version=version("sakuin"),
        description=DESCRIPTION,
        # The pages that FastAPI has for reading the API fetch their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[] if served.key_file is None else [Security(bearer)],
        responses={"4XX": {"model": ErrorAnswer}, "5XX": {"model": ErrorAnswer}},
    )
    endpoints = Endpoints(lambda: UNDESCRIBED | app.openapi()["paths"])
    metrics = counting(searcher, served)
    keys = Keys(served.key_file) if served.key_file else None
    app.add_middleware(Gate, keys=keys, hosts=served.hosts, origins=served.origins)
    if served.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=served.origins,
            allow_methods=METHODS,
            allow_headers=("Authorization", "Content-Type"),
            expose_headers=("Retry-After",),
            allow_private_network=True,
        )
    log = RequestLog(served.request_log, queries=served.log_queries) if served.request_log else None
    app.add_middleware(Ending)
    app.add_middleware(Observed, metrics=metrics, log=log, endpoints=endpoints)
    answer_refusals(app, endpoints, searcher.folder)
    threads = Threads(searcher.at_once)
    # Whoever asks whether the service is well does not wait for searches.
    watcher = Threads(1)
    name = served.model_name or model_name(searcher)

    async def answer(work: Callable[[], bytes], by: Threads = threads) -> Response:
        """What ``work`` gives of the index, as JSON."""
        return Response(await by.run(work), media_type="application/json")

    def search(asked: SearchOptions, where: Where) -> bytes:
        return found(searcher, SearchRequest(**{**asked.model_dump(), "where": where}))

    def facets(where: Where) -> bytes:
        found = (facet.to_dict() for facet in searcher.facets(where))
        return with_list({"fields": searcher.whole.field_names()}, "facets", found)

    def info() -> bytes:
        whole = searcher.whole
        return orjson.dumps(
            {
                **whole.counts(),
                "dim": whole.manifest.dim,
                "model": name,
                "fingerprint": whole.manifest.fingerprint,
                "analyser": whole.manifest.analyser,
                "generation": whole.manifest.generation,
            }
        )

    def health() -> bytes:
        manifest = searcher.manifest
        return orjson.dumps(
            {
                "status": "ok",
                "version": app.version,
                "generation": manifest.generation,
                "passages": manifest.passages,
            }
        )

    @app.get("/health", summary="Whether the index can be searched", responses={200: {"model": HealthAnswer}})
    async def get_health() -> Response:
        return await answer(health, watcher)

    @app.post("/search", summary="Documents that answer a query, or passages", responses={200: {"model": SearchAnswer}})
    async def post_search(asked: SearchBody) -> Response:
        return await answer(lambda: search(asked, asked.where))

    @app.get("/search", summary="The same, by address", responses={200: {"model": SearchAnswer}})
    async def get_search(asked: Annotated[SearchQuery, Query()]) -> Response:
        where = read_conditions(asked.where)
        return await answer(lambda: search(asked, where))

    @app.get(
        "/facets",
        summary="Fields and values that a search can be restricted to",
        responses={200: {"model": FacetsAnswer}},
    )
    async def get_facets(
        where: Annotated[
            list[AddressCondition] | None, Query(description=f"Count only documents that match. {ADDRESS_WHERE}")
        ] = None,
    ) -> Response:
        conditions = read_conditions(where or [])
        return await answer(lambda: facets(conditions))

    @app.get("/info", summary="What the index holds and how it was made", responses={200: {"model": InfoAnswer}})
    async def get_info() -> Response:
        return await answer(info)

    app.include_router(reading_router(searcher, threads))
    app.include_router(listing_router(searcher, threads))
    app.include_router(documents_router(writing, threads))
    app.include_router(embeddings_router(searcher.model, name, threads))
    app.include_router(reranking_router(searcher.model, name, threads))
    app.include_router(metrics_router(metrics))
    app.include_router(page_router())
    return app


def counting(searcher: Searcher, served: Served) -> "Metrics | None":
    """What counts requests; None where the library for it is not installed."""
    try:
        from sakuin.service.metrics import SIZES, Metrics, ShardCounts
    except ModuleNotFoundError:
        return None

    def sizes() -> dict[str, int]:
        whole = searcher.whole
        counts = whole.counts() | {"generation": whole.manifest.generation}
        return {name: counts[name] for name in SIZES}

    metrics = Metrics(sizes, served.counts)
    if served.opening:
        from sakuin.cluster.serving import RemoteSearcher

        if isinstance(searcher, RemoteSearcher):
            metrics.add(ShardCounts(searcher.shard_counts))
    return metrics


def model_name(searcher: Searcher) -> str:
    """What clients call the model: its name on the hub, the last part of a folder's, or "default"."""
    source = searcher.model.source
    return Path(source).resolve().name if Path(source).is_dir() else source
