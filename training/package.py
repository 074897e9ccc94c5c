"""Turns a finished run into the folder that ships: int8 rows and a model card."""

import json
from collections.abc import Mapping
from pathlib import Path

from embedder.folder import ModelFiles, read_model, write_model
from training.errors import TrainingError
from training.recipe import Recipe


def package(model: Path, recipe: Recipe, out: Path, figures: Path | None) -> None:
    """Write ``out`` with the model's table in int8 and a card.

    Args:
        model: The run's model folder.
        recipe: That it was trained by.
        out: Folder to write.
        figures: What `python -m evaluation --json` wrote.
    """
    files = read_model(model)
    write_model(out, ModelFiles(files.table.as_int8(), files.tokenizer, files.pooling, files.normalize))
    try:
        measured = json.loads(figures.read_text(encoding="utf-8"))["figures"] if figures else {}
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(f"{figures} is not what `python -m evaluation --json` writes ({error}).") from error
    (out / "README.md").write_text(card(recipe, files, measured), encoding="utf-8")


def card(recipe: Recipe, files: ModelFiles, figures: Mapping[str, Mapping[str, float]]) -> str:
    """A model card in Markdown: what it is, what it was trained on and how, its figures and weaknesses."""
    languages = "ja, en"
    lines = [
        "---",
        "library_name: sentence-transformers",
        "pipeline_tag: sentence-similarity",
        f"language: [{languages}]",
        "tags: [static-embedding, matryoshka, sentence-similarity]",
        "---",
        "",
        f"# {recipe.name}",
        "",
        f"A static embedding model for Japanese and English: {len(files.table):,} token vectors of "
        f"{files.table.dimension} numbers. A text's vector is the mean of its tokens' vectors, with {files.pooling} "
        f"pooling; it can be cut to {', '.join(str(d) for d in sorted(recipe.dims)[:-1])} numbers.",
        "",
        "Here the rows are stored as int8 with a scale each. `StaticEmbedder.load(...).save(folder)` writes float32 "
        "rows that sentence-transformers loads (there with mean pooling).",
        "",
        "## Training",
        "",
        f"`python -m training run`: MatryoshkaLoss over MultipleNegativesRankingLoss at {list(recipe.dims)}, "
        f"{recipe.steps:,} batches of {recipe.batch:,} pairs, one source a batch, AdamW, peak learning rate "
        f"{recipe.learning_rate}, cosine schedule, seed {recipe.seed}.",
        "",
    ]
    if figures:
        columns = list(dict.fromkeys(name for row in figures.values() for name in row if name.startswith("dense")))
        lines += [
            "## Figures",
            "",
            "Times 100; nDCG@10 of retrieval, Spearman of jsts_valid, by `python -m evaluation --data`.",
            "",
            "| task | " + " | ".join(column.removeprefix("dense ") for column in columns) + " |",
            "| --- |" + " --- |" * len(columns),
        ]
        for task, row in figures.items():
            lines.append(f"| {task} | " + " | ".join(f"{row[column]:.1f}" for column in columns) + " |")
        lines.append("")
    lines += [
        "## Known weaknesses",
        "",
        "No word order: 犬が人を噛む and 人が犬を噛む get the same vector. Exact keywords, numbers and names are "
        "better found by BM25, so use both. Long texts are diluted: cut them into passages of a few sentences. "
        "English has fewer token pieces than Japanese. Trained mostly on encyclopaedic, legal, technical and everyday "
        "sentences; other fields and noisy text do worse.",
        "",
        "## Sources",
        "",
        "| source | origin | licence |",
        "| --- | --- | --- |",
        *(f"| {source.name} | {source.origin} | {source.licence} |" for source in recipe.sources),
        "",
    ]
    return "\n".join(lines)
