"""Clients of OpenAI's API against a service: each gives the model's vectors. Skipped where a client is not there."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sakuin import StaticEmbedder
from sakuin.service.embeddings import ALIASES
from tests.clients import node
from tests.service.services import KEY, Service, started

# Importing them takes seconds each; that of OpenAI is among the tests of the service too.
pytestmark = pytest.mark.slow

TEXTS = ["猫がソファーで眠っている", "A cat is asleep on the sofa", "😀 絵文字"]
KNOWN = ALIASES[0]
# Tables that clients fetch when they are imported, or first used.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")


def expected(dim: int | None = None, texts: list[str] = TEXTS) -> NDArray[np.float32]:
    """float32 (n, dim): the vectors that any client must get."""
    return StaticEmbedder.load().encode(texts, dim, normalize=True)


def check(vectors: Any, dim: int | None = None) -> None:
    np.testing.assert_allclose(np.array(vectors, np.float32), expected(dim), atol=1e-7)


def needed(client: str) -> Any:
    return pytest.importorskip(client, reason=f"{client} is not installed: pip install '.[clients]'")


@pytest.fixture(scope="module")
def tokens_table() -> Path | None:
    """Where tiktoken finds the table of OpenAI's tokenizer: with it LlamaIndex comes."""
    found = importlib.util.find_spec("llama_index.core") if importlib.util.find_spec("llama_index") else None
    return Path(found.origin).parent / "_static" / "tiktoken_cache" if found and found.origin else None


@pytest.fixture(scope="module")
def address(example_index: Path, tokens_table: Path | None) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patched:
        if tokens_table:
            patched.setenv("TIKTOKEN_CACHE_DIR", str(tokens_table))
        with started(example_index) as (_, port):
            yield f"http://127.0.0.1:{port}/v1"


async def test_openai(address: str) -> None:
    openai = needed("openai")
    async with openai.AsyncOpenAI(base_url=address, api_key="any", max_retries=0) as client:
        answer = await client.embeddings.create(model=KNOWN, input=TEXTS, dimensions=256)
    check([item.embedding for item in answer.data], 256)


@pytest.mark.parametrize("model", [KNOWN, "default"])
async def test_langchain(address: str, model: str) -> None:
    client = needed("langchain_openai").OpenAIEmbeddings(
        model=model, base_url=address, api_key="any", dimensions=256, check_embedding_ctx_length=False
    )
    check(client.embed_documents(TEXTS), 256)
    check([client.embed_query(text) for text in TEXTS], 256)
    check(await client.aembed_documents(TEXTS), 256)


def test_langchain_sends_tokens_unless_told_not_to(address: str, tokens_table: Path | None) -> None:
    client = needed("langchain_openai").OpenAIEmbeddings(model=KNOWN, base_url=address, api_key="any")
    if not tokens_table:
        pytest.skip("tiktoken has no table of tokens here: llama-index-core is not installed")
    check(client.embed_documents(TEXTS))
    assert len(client.embed_documents(["有給休暇の申請について。" * 3_000])[0]) == 1024


@pytest.mark.parametrize("given", [{"model": KNOWN}, {"model": ALIASES[2]}, {"model_name": "default"}])
async def test_llama_index(address: str, given: dict[str, str]) -> None:
    client = needed("llama_index.embeddings.openai").OpenAIEmbedding(
        api_base=address, api_key="any", dimensions=256, **given
    )
    check(client.get_text_embedding_batch(TEXTS), 256)
    check([client.get_query_embedding(text) for text in TEXTS], 256)
    check(await client.aget_text_embedding_batch(TEXTS), 256)


def test_litellm(address: str) -> None:
    litellm = needed("litellm")
    given = {"input": TEXTS, "api_base": address, "api_key": "any"}
    for model, arguments, dim in (
        (f"openai/{KNOWN}", {"dimensions": 256}, 256),
        ("openai/default", {"dimensions": 256, "allowed_openai_params": ["dimensions"]}, 256),
        ("openai/default", {"user": "somebody", "encoding_format": "float"}, None),
        ("hosted_vllm/default", {"dimensions": 256}, 256),
    ):
        answer = litellm.embedding(model=model, **given, **arguments)
        check([item["embedding"] for item in answer.data], dim)


def test_chroma(address: str) -> None:
    functions = needed("chromadb.utils.embedding_functions")
    function = functions.OpenAIEmbeddingFunction(api_key="any", api_base=address, model_name=KNOWN, dimensions=256)
    check(function(TEXTS), 256)
    # It leaves dimensions out for other names.
    function = functions.OpenAIEmbeddingFunction(api_key="any", api_base=address, model_name="default", dimensions=256)
    check(function(TEXTS))


def test_openai_of_node(address: str) -> None:
    answer = node.run(["openai.js", address, *TEXTS], package="openai")
    check(answer["usual"], 256)
    check(answer["numbers"], 256)
    np.testing.assert_allclose(answer["own"], expected(256)[:1], atol=1e-7)
    assert answer["models"] == ["default", *ALIASES]
    assert answer["refused"]["status"] == 400
    assert "'dimensions' should be 1 to 1,024" in answer["refused"]["message"]


def test_ai_sdk_of_node(address: str) -> None:
    answer = node.run(["ai-sdk.js", address, *TEXTS], package="@ai-sdk/openai-compatible")
    check(answer["many"], 256)
    np.testing.assert_allclose(answer["one"], expected(256)[0], atol=1e-7)
    assert answer["tokens"] == StaticEmbedder.load().token_counts(TEXTS).sum()
    assert "There is no model 'gpt'" in answer["refused"]


def test_open_webui_in_a_container(example_index: Path, tmp_path: Path) -> None:
    """What it sends, by its source; it needs too much to be run here."""
    (tmp_path / "key").write_text(KEY)
    with started(example_index, "--host", "0.0.0.0", "--key-file", str(tmp_path / "key")) as (_, port):
        headers = {"Host": f"host.docker.internal:{port}", "Authorization": f"Bearer {KEY}", "X-OpenWebUI-User-Id": "1"}
        service = Service(port, headers)
        answer = service.post("/v1/embeddings", input=TEXTS, model="default")
        check([item["embedding"] for item in answer["data"]])
        documents = ["Lunch is at noon.", "遅延証明書は駅の窓口で受け取れます。"]
        asked = {"model": "default", "query": "電車が遅れた証拠がほしい", "documents": documents, "top_n": 2}
        results = service.post("/v1/rerank", **asked)["results"]
        assert [result["index"] for result in results] == [1, 0]
        assert results[0]["relevance_score"] > results[1]["relevance_score"]
