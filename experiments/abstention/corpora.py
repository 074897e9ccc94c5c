"""What is searched beside the tasks of a folder: technical documents, and corpora of which one document is a third."""

import random
from collections.abc import Callable
from pathlib import Path

from sakuin.evaluation.families import RetrievalTask
from sakuin.index.documents import Document, Passage
from sakuin.index.passages import split
from sakuin.index.settings import Settings
from sakuin.index.writer import IndexWriter
from sakuin.training.pairs import find_source, read_pairs

TECHNICAL = ("railsguides_ja", "k8s_ja", "k8s_en", "msdocs_dotnet_ja", "phpdoc_ja")
"""Sources of training pairs, headings and the passages below them, with code in many."""

MOST_PASSAGES = 2_500

LENGTHENED = ("cranfield_en", "jaquad_dev", "msdocs_alchemyinsights_ja", "railsguides_ja", "example corpus")
"""The corpora that are searched with a long document among them too."""

LONG = " with a long "
"""Between the name of a corpus and the kind of long document in it."""

DAYS = "月火水木金"


def technical_tasks(pairs: Path) -> list[RetrievalTask]:
    """Tasks of the sources of training pairs that are technical documentation.

    Their dense scores are better than those of other documents, for the packaged model was trained on them.
    """
    return [pairs_as_task(find_source(pairs, name)) for name in TECHNICAL]


def pairs_as_task(path: Path) -> RetrievalTask:
    """A task in which each heading is to find the passages that stand below it anywhere."""
    read = read_pairs(path, cap=10**9)
    rows = list(zip(read.queries, read.passages, strict=True))
    chosen = random.Random(0).sample(rows, min(MOST_PASSAGES, len(rows)))
    docids: dict[str, str] = {}
    relevant: dict[str, set[str]] = {}
    for query, passage in chosen:
        relevant.setdefault(query, set()).add(docids.setdefault(passage, str(len(docids))))
    name = path.name.split(".")[0]
    return RetrievalTask(
        name, tuple(docids.values()), tuple(docids), tuple(relevant), tuple(map(frozenset, relevant.values()))
    )


def add_long_document(folder: Path, text: str, passages: int, dim: int) -> None:
    """Add a document of so many passages to an index, or of all there are in a shorter text."""
    cut: list[Passage] = split(Document(id="long", text=text))[:passages]
    with IndexWriter(folder, Settings(dim=dim)) as writer:
        writer.add(Document(id="long", text=text[: cut[-1].end]), "long", cut)
        writer.commit()


def form() -> str:
    """A text that says the same again and again, with other numbers."""
    generator = random.Random(1)
    return "\n\n".join(
        f"第{number}項 申請書番号{generator.randrange(10**6)}について、担当者は申請の内容を確認し、必要な場合は申請者に"
        f"連絡して書類を提出してもらう。確認が終わった後、承認の手続きを行い、結果をシステムに登録する。"
        f"登録は{generator.choice(DAYS)}曜日までに行うこと。"
        for number in range(3_000)
    )


def law(pairs: Path) -> str:
    """Articles of laws, one after the other."""
    return "\n\n".join(read_pairs(find_source(pairs, "egov_law_caption_article"), cap=6_000).passages)


def long_texts(pairs: Path | None) -> dict[str, Callable[[], str]]:
    """What makes each kind of long document; that of laws needs training pairs."""
    return {"form": form} | ({"law": lambda: law(pairs)} if pairs else {})


def base_of(name: str) -> str:
    """The corpus that another was made from by a long document."""
    return name.split(LONG)[0]
