"""Model cards: what a model is, what it was trained on and how, its figures and weaknesses."""

from collections.abc import Mapping

from sakuin.embedder.pooling import Pooling
from sakuin.embedder.table import Table
from sakuin.training.recipe import Recipe

STORED_AS_INT8 = (
    "Here the rows are stored as int8 with a scale each. `StaticEmbedder.load(...).save(folder)` writes float32 rows "
    "that sentence-transformers loads (there with mean pooling)."
)
STORED_AS_FLOAT = "The folder loads in sentence-transformers (there with mean pooling) and in `StaticEmbedder.load`."


# As the field calls what files and arguments call otherwise.
POOLING_NAMES: Mapping[Pooling, str] = {"mean": "mean", "damped": "sqrt", "lead": "lead", "even": "democratic"}


def model_card(*recipes: Recipe, table: Table, pooling: Pooling, figures: Mapping[str, Mapping[str, float]]) -> str:
    """Write a model card in Markdown, with the metadata the Hugging Face hub reads.

    Args:
        recipes: That the model was trained by, in their order; it has the name of the last.
        table: The model's table, as it is stored.
        pooling: The model's own.
        figures: For each task, the score at each dimension, 0 to 1; may be empty.

    Returns:
        The Markdown.
    """
    recipe = recipes[-1]
    lines = [
        "---",
        "library_name: sentence-transformers",
        "pipeline_tag: sentence-similarity",
        "language: [ja, en]",
        "tags: [static-embedding, matryoshka, sentence-similarity]",
        "---",
        "",
        f"# {recipe.name}",
        "",
        f"A static embedding model for Japanese and English: {len(table):,} token vectors of {table.dimension} "
        f"dimensions. A text's vector is a weighted mean of its tokens' vectors, by "
        f"{POOLING_NAMES[pooling]} pooling (`{pooling}`, see `sakuin.embedder.pooling`); it can be cut to "
        f"{', '.join(str(d) for d in sorted(recipe.dims)[:-1])} dimensions.",
        "",
        STORED_AS_INT8 if table.scale is not None else STORED_AS_FLOAT,
        "",
        "## Training",
        "",
        *(line for stage in recipes for line in (training_of(stage), "")),
    ]
    if figures:
        dims = sorted({dim for row in figures.values() for dim in row}, key=int, reverse=True)
        lines += [
            "## Figures",
            "",
            "Times 100, by `python -m sakuin.evaluation`: nDCG@10 of retrieval, Spearman of STS, macro F1 of "
            "classification, V-measure of clustering, average precision of pair classification, accuracy of bitext "
            "matching.",
            "",
            "| task | " + " | ".join(dims) + " |",
            "| --- |" + " --- |" * len(dims),
        ]
        for task, row in figures.items():
            lines.append(f"| {task} | " + " | ".join(f"{100 * row[dim]:.1f}" for dim in dims) + " |")
        lines.append("")
    lines += [
        "## Known weaknesses",
        "",
        "Next to no word order: 犬が人を噛む and 人が犬を噛む get the same vector. Exact keywords, numbers and names "
        "are better found by BM25, so use both. Long texts are diluted: cut them into passages of a few sentences.",
        "",
        *(line for stage in recipes if stage.notes.strip() for line in (stage.notes.strip(), "")),
        "## Sources",
        "",
        "| source | origin | licence |",
        "| --- | --- | --- |",
        *dict.fromkeys(
            f"| {source.file or source.name} | {source.origin} | {source.licence} |"
            for stage in recipes
            for source in stage.sources
        ),
        "",
    ]
    return "\n".join(lines)


def training_of(recipe: Recipe) -> str:
    """A paragraph on how a table was trained by one recipe."""
    start = f" It went on from the model {recipe.start}." if recipe.start else ""
    if recipe.train_pieces:
        start += f" Only rows of pieces that match `{recipe.train_pieces}` were trained; all others are as they were."
    return (
        f"`python -m sakuin.training run`: MatryoshkaLoss over MultipleNegativesRankingLoss at {list(recipe.dims)}, "
        f"{recipe.steps:,} batches of {recipe.batch:,} pairs, one source a batch, AdamW, peak learning rate "
        f"{recipe.learning_rate}, cosine schedule, seed {recipe.seed}.{start}{distillation(recipe)}"
        f"{after_training(recipe)}"
    )


def distillation(recipe: Recipe) -> str:
    """What a teacher did, in a sentence that begins with a space; empty where there was none."""
    if not recipe.distillation_share:
        return ""
    share = f"{100 * recipe.distillation_share:.0f} %"
    return f" Of the batches, {share} are texts that the table learns to rank as a teacher's vectors do."


def after_training(recipe: Recipe) -> str:
    """What was done to trained tables, in sentences that begin with a space; empty where nothing was."""
    words = ""
    if recipe.runs > 1 and recipe.start:
        words += f" The table is the mean of {recipe.runs} such runs, of several seeds."
    elif recipe.runs > 1:
        words += f" The table holds the principal components of {recipe.runs} such runs side by side, of several seeds."
    if recipe.whiten:
        words += f" Softly whitened, by {recipe.whiten:g}."
    if recipe.rotation_steps:
        words += (
            f" Rotated by {recipe.rotation_steps:,} more batches, which change prefixes and no cosine at full width."
        )
    return words
