"""Hard negatives: passages that BM25 or a model ranks high for a query and that do not answer it."""

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from sakuin.embedder import StaticEmbedder
from sakuin.index.terms import Terms, TermsWriter
from sakuin.training.errors import TrainingError
from sakuin.training.pairs import SUFFIXES, Pairs, write_records
from sakuin.training.teacher import teacher_vectors_of

# Queries whose scores against all passages are held at a time.
BLOCK = 256
TEACHER_TOKENS = 256


def mine(
    pairs: Pairs,
    model: StaticEmbedder,
    *,
    per_pair: int = 8,
    depth: int = 50,
    alike: float = 0.95,
    teacher: str = "",
    prompts: tuple[str, str] = ("query: ", "passage: "),
) -> Iterator[list[str]]:
    """Hard negatives of each pair, hardest first, from the passages of all the pairs.

    A candidate that scores nearly what the pair's own passage scores is more likely an unlabelled answer than a
    negative, and is left out (TopK-PercPos of NV-Retriever: Moreira et al. 2024, arXiv:2407.15831).

    Args:
        pairs: Whose passages are the corpus; every passage that stands with the same query is an answer.
        model: Finds candidates, and judges them where there is no teacher.
        per_pair: Negatives a pair at most.
        depth: Candidates taken from BM25 and from the model each.
        alike: Share of the own passage's cosine from which on a candidate is left out.
        teacher: A sentence-transformers model that judges instead; slow, and better.
        prompts: What the teacher wants before queries and passages.

    Yields:
        For each pair, its negatives.
    """
    corpus = list(dict.fromkeys(pairs.passages))
    number = {text: i for i, text in enumerate(corpus)}
    answers: defaultdict[str, set[int]] = defaultdict(set)
    for query, passage in zip(pairs.queries, pairs.passages, strict=True):
        answers[query].add(number[passage])
    asked = list(answers)
    vectors = (model.encode(asked, normalize=True), model.encode(corpus, normalize=True))
    judged = vectors
    if teacher:
        queries = teacher_vectors_of(asked, teacher, prompt=prompts[0], max_tokens=TEACHER_TOKENS)
        passages = teacher_vectors_of(corpus, teacher, prompt=prompts[1], max_tokens=TEACHER_TOKENS)
        judged = (queries, passages)
    # A query's answers must not take the ranks of its negatives.
    depth = min(depth + max(map(len, answers.values())), len(corpus))
    row_of = {query: i for i, query in enumerate(asked)}
    found = list(
        tqdm(candidates(asked, corpus, vectors=vectors, depth=depth), total=len(asked), desc="Mining", unit=" queries")
    )
    for query, passage in zip(pairs.queries, pairs.passages, strict=True):
        row = row_of[query]
        near = found[row]
        scores = judged[1][near] @ judged[0][row]
        limit = alike * float(judged[1][number[passage]] @ judged[0][row])
        negatives = [i for i, score in zip(near, scores, strict=True) if i not in answers[query] and score < limit]
        yield [corpus[i] for i in negatives[:per_pair]]


def candidates(
    queries: Sequence[str],
    corpus: Sequence[str],
    *,
    vectors: tuple[NDArray[np.float32], NDArray[np.float32]],
    depth: int,
) -> Iterator[list[int]]:
    """The best passages of each query by BM25 and by cosine, in turns, each once.

    Args:
        queries: Each once.
        corpus: The passages.
        vectors: Of queries and passages, float32 (n, d), normalised.
        depth: Passages by BM25, and as many by cosine.

    Yields:
        For each query, the indices of passages in the corpus.
    """
    with tempfile.TemporaryDirectory() as folder:
        writer = TermsWriter(Path(folder, "terms"), None)
        writer.add(range(len(corpus)), corpus)
        writer.commit()
        terms = Terms(Path(folder, "terms"))
        for start in range(0, len(queries), BLOCK):
            scores = vectors[0][start : start + BLOCK] @ vectors[1].T
            best = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
            for query, row, near in zip(queries[start : start + BLOCK], scores, best, strict=True):
                by_model = near[np.argsort(-row[near], kind="stable")].tolist()
                by_words = terms.search(query, depth)[0].tolist()
                turns = chain.from_iterable(zip_longest(by_words, by_model))
                yield list(dict.fromkeys(index for index in turns if index is not None))


def check_new(folder: Path, name: str) -> None:
    """Check that a folder has no source of a name: it may be the one that is mined.

    Raises:
        TrainingError: it has.
    """
    for suffix in SUFFIXES:
        path = folder / f"{name}{suffix}"
        if path.exists():
            raise TrainingError(f"{path} exists: choose another --out, or delete it first.")


def write_mined(pairs: Pairs, negatives: Sequence[Sequence[str]], out: Path) -> None:
    """Write pairs with their negatives as a source that `training.pairs` reads, Zstandard-compressed.

    Args:
        pairs: As they were read.
        negatives: Of each pair.
        out: The file.

    Raises:
        TrainingError: it cannot be written.
    """
    records = (
        {"query": query, "passage": passage, "negatives": some}
        for query, passage, some in zip(pairs.queries, pairs.passages, negatives, strict=True)
    )
    write_records(records, out)
