"""The tables of figures in both READMEs, made from the newest results: `python -m benchmarks.tables`.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end of table -->``. Of each benchmark, and of each number of
passages that it was run with, the newest result in ``benchmarks/results`` counts.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks import labels
from benchmarks.labels import Say
from benchmarks.results import FOLDER, newest
from sakuin.files import atomic_write

ROOT = Path(__file__).parent.parent
READMES = {"README.md": False, "README.ja.md": True}
MARKED = re.compile(r"(<!-- table: ([a-z]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
JAPANESE = {
    ", ": "、",
    "{name} ({metric})": "{name}（{metric}）",
    "hybrid": "ハイブリッド",
    "mean of retrieval": "検索の平均",
    "mean of the six families": "6 種の課題の平均",
    "share of it kept, %": "その残る割合（%）",
    "Spearman": "順位相関",
    "macro F1": "マクロ F1",
    "average precision": "平均適合率",
    "accuracy": "正解率",
    "passages a second": "毎秒の文章数",
    "pairs a second": "毎秒の組数",
    "ratio": "比",
    "sakuin, mean pooling": "sakuin、mean プーリング",
    "sakuin, democratic pooling": "sakuin、democratic プーリング",
    "{} dimensions": "{} 次元",
    "batches of {}": "バッチ {} 件",
    "threads: {}": "スレッド {}",
    "processes: {}": "プロセス {}",
    "{} (its default)": "{}（既定）",
    "{} (best found)": "{}（見つけた最速）",
    "{} (its default, and best found)": "{}（既定で、見つけた最速）",
    "seconds": "秒",
    "building {passages}": "{passages} 箇所の索引作り",
    "`index build`, at most {peak} GB in a process": "`index build`（一つのプロセスで最大 {peak} GB）",
    "sentence-transformers, encoding alone": "sentence-transformers（ベクトル化のみ）",
    "sakuin, hybrid": "sakuin、ハイブリッド",
    "sakuin, dense": "sakuin、密ベクトル",
    "sakuin, BM25": "sakuin、BM25",
    "sakuin, hybrid, ids of passages only": "sakuin、ハイブリッド（番号だけを返す）",
    "sakuin, hybrid, 8 clients at once: queries a second (one client: {alone})": (
        "sakuin、同時 8 クライアントの毎秒件数（1 クライアントでは {alone}）"
    ),
    "ids of passages only": "番号だけを返す",
    "encoding alone": "ベクトル化のみ",
    "settings": "設定",
    "seconds of CPU": "CPU 秒",
    "as it comes": "そのまま",
    "pairs of characters": "2 文字ずつ",
    "ICU's words": "ICU の単語",
    "MeCab's words": "MeCab の単語",
    "txtai's own words": "txtai の単語",
    "trained on a share of {}": "学習に使う割合 {}",
    "{} partitions": "{} 分割",
    "milliseconds": "ミリ秒",
    "Enter to the first hit": "Enter から最初の結果まで",
    "Enter to the last hit": "Enter からすべての結果まで",
}
METRICS = {
    "ndcg@10": "nDCG@10",
    "spearman": "Spearman",
    "macro_f1": "macro F1",
    "v_measure": "V-measure",
    "average_precision": "average precision",
    "accuracy": "accuracy",
}
SEARCHES = {
    "sakuin, hybrid": "sakuin, hybrid",
    "sakuin, dense": "sakuin, dense",
    "sakuin, bm25": "sakuin, BM25",
    "sakuin, hybrid, passage ids only": "sakuin, hybrid, ids of passages only",
    "sakuin, hybrid, 8 clients at once": "sakuin, hybrid, 8 clients at once: queries a second (one client: {alone})",
}

Result = dict[str, Any]


@click.command()
def main() -> None:
    """Write the tables of both READMEs anew."""
    results = newest()
    for name, japanese in READMES.items():
        path = ROOT / name
        with atomic_write(path) as part:
            part.write_text(filled(path.read_text(encoding="utf-8"), results, japanese=japanese), encoding="utf-8")


def filled(text: str, results: Sequence[Result], *, japanese: bool) -> str:
    """A README with its tables made anew.

    Args:
        text: The README.
        results: All, the newest first.
        japanese: Whether labels are Japanese, not English.

    Raises:
        click.ClickException: there is no such table, or no result for it.
    """

    def table(match: re.Match[str]) -> str:
        name = match[2]
        if name not in TABLES:
            raise click.ClickException(f"There is no table {name!r}, but {', '.join(TABLES)}.")
        try:
            rows = list(TABLES[name](results, lambda label: JAPANESE.get(label, label) if japanese else label))
        except LookupError:
            raise click.ClickException(f"The table {name!r} lacks results in {FOLDER}.") from None
        lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
        return f"{match[1]}\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in lines) + f"\n{match[3]}"

    return MARKED.sub(table, text)


def of(results: Sequence[Result], benchmark: str) -> Result:
    """The newest result of a benchmark."""
    return next((result for result in results if result["benchmark"] == benchmark), {})


def evaluation(results: Sequence[Result], say: Say) -> Iterator[list[str]]:
    """The packaged model at each dimension, a transformer, BM25 and hybrid search on every task."""
    models = of(results, "sakuin.evaluation")["models"]
    transformer = next((name for name in models if name.startswith("st:")), "")
    wide = models["default"]["dims"]
    columns = [("default", dim) for dim in wide]
    columns += [(name, models[name]["dims"][0]) for name in (transformer, "bm25", "hybrid") if name in models]
    heads = {transformer: transformer.rpartition("multilingual-")[2], "bm25": "BM25", "hybrid": say("hybrid")}
    yield ["", *(heads.get(name, str(dim)) for name, dim in columns)]

    def row(label: str, scores: Callable[[Result], dict[str, float] | None]) -> list[str]:
        found = [((scores(models[name]) or {}).get(str(dim))) for name, dim in columns]
        return [label, *("" if score is None else f"{100 * score:.1f}" for score in found)]

    family = "retrieval"
    for name, task in models["default"]["tasks"].items():
        if family == "retrieval" != task["family"]:
            yield row(f"**{say('mean of retrieval')}**", lambda m: m["means"].get("families", {}).get("retrieval"))
        family = task["family"]
        metric = say(METRICS[task["metric"]])
        label = say("{name} ({metric})").format(name=name, metric=metric)
        yield row(label, lambda m, name=name: m["tasks"].get(name, {}).get("scores"))  # type: ignore[misc]

    def mean_of_all(model: Result) -> dict[str, float] | None:
        # A search has figures of retrieval alone, whose mean is no mean of six.
        means = model["means"]
        alike = means["families"].keys() == models["default"]["means"]["families"].keys()
        return means.get("mean") if alike else None

    yield row(f"**{say('mean of the six families')}**", mean_of_all)
    yield row(say("share of it kept, %"), lambda m: m["means"].get("share_kept") if m is models["default"] else None)


def encode(results: Sequence[Result], say: Say) -> Iterator[list[str]]:
    """Encoding, beside sentence-transformers and a small transformer."""
    return rates(of(results, "benchmarks.encode"), "passages", say)


def train(results: Sequence[Result], say: Say) -> Iterator[list[str]]:
    """Training, beside sentence-transformers."""
    return rates(of(results, "benchmarks.train"), "pairs", say)


def rates(result: Result, items: str, say: Say) -> Iterator[list[str]]:
    """Rates and ratios of one benchmark."""
    yield ["", say(f"{items} a second"), say("ratio")]
    for figure in shown(result):
        yield [labels.row(figure, say), f"{figure[f'{items}_per_second']:,.0f}", ratio(figure)]


def shown(result: Result) -> Iterator[Result]:
    """The figures that stand in tables: not those of settings that were only tried."""
    return (figure for figure in result["figures"] if figure.get("role") != "tried")


def build(results: Sequence[Result], say: Say) -> Iterator[list[str]]:
    """Building an index of the most passages it was measured with."""
    runs = [result for result in results if result["benchmark"] == "benchmarks.build"]
    figures = max(runs, key=lambda result: int(result["arguments"]["passages"]))["figures"]
    head = say("building {passages}").format(passages=f"{figures[0]['passages']:,}")
    yield [head, say("seconds"), say("seconds of CPU"), say("passages a second"), say("ratio")]
    for figure in (figure for figure in figures if figure.get("role") != "tried"):
        name = labels.row(figure, say)
        if "peak_gb" in figure:
            name = say("`index build`, at most {peak} GB in a process").format(peak=f"{figure['peak_gb']:.1f}")
        cpu = f"{figure['cpu_seconds']:,.0f}" if "cpu_seconds" in figure else ""
        yield [name, f"{figure['seconds']:,.0f}", cpu, f"{figure['passages_per_second']:,.0f}", ratio(figure)]


def search(results: Sequence[Result], say: Say) -> Iterator[list[str]]:
    """Searching, by number of passages: the newest run of each."""
    runs: dict[int, dict[tuple[str, str], Result]] = {}
    for result in results:
        if result["benchmark"] == "benchmarks.search":
            for size in {figure["passages"] for figure in result["figures"]} - set(runs):
                own = (each for each in shown(result) if each["passages"] == size)
                runs[size] = {(each["name"], each.get("role", "")): each for each in own}
    sizes = sorted(runs)
    peers = [key for size in sizes for key, figure in runs[size].items() if key[1]]
    yield ["", *(f"{size:,}" for size in sizes), say("settings")]
    for key in (*((name, "") for name in SEARCHES), *dict.fromkeys(peers)):
        row = {size: runs[size][key] for size in sizes if key in runs[size]}
        alone = [f"{runs[size]['sakuin, hybrid', '']['queries_per_second']:.0f}" for size in sizes]
        label = say(SEARCHES[key[0]]) if key[0] in SEARCHES else labels.named(next(iter(row.values())), say)
        yield [
            label.format(alone=say(", ").join(alone)),
            *(times(row[size]) if size in row else "" for size in sizes),
            settings(row, say),
        ]


def settings(row: Mapping[int, Result], say: Say) -> str:
    """How something was set, by the number of passages where that differs."""
    role = next((figure["role"] for figure in row.values() if figure.get("role")), None)
    words = {size: labels.setting(figure["setting"], say) for size, figure in row.items() if "setting" in figure}
    if not role or not words:
        return ""
    if len(set(words.values())) == 1:
        said = next(iter(words.values()))
    else:
        said = "; ".join(f"{size:,}: {each or say(labels.NOTHING)}" for size, each in words.items())
    return say(labels.ROLES[role]).format(said)


def page(results: Sequence[Result], say: Say) -> Iterator[list[str]]:
    """The page Search, from the key to the hits."""
    yield [say("milliseconds"), "p50", "p95"]
    for figure in of(results, "benchmarks.page")["figures"]:
        if figure["name"].startswith("Enter"):
            yield [say(figure["name"]), f"{figure['p50_ms']:.0f}", f"{figure['p95_ms']:.0f}"]


def times(figure: Result) -> str:
    """Milliseconds as p50 / p99, and what was found, in percent; of many clients the queries a second."""
    if "p50_ms" not in figure:
        return f"{figure['queries_per_second']:.0f}"
    found = [f"{100 * figure[name]:.0f}" for name in ("recall", "found") if name in figure]
    return f"{figure['p50_ms']:,.1f} / {figure['p99_ms']:,.1f}" + (f" ({', '.join(found)} %)" if found else "")


def ratio(figure: Result) -> str:
    """How many times as fast, or as long; large ones without a fraction."""
    value = figure.get("ratio")
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


TABLES: dict[str, Callable[[Sequence[Result], Say], Iterator[list[str]]]] = {
    "evaluation": evaluation,
    "encode": encode,
    "build": build,
    "search": search,
    "train": train,
    "page": page,
}


if __name__ == "__main__":
    main()
