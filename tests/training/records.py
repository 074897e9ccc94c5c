"""Small sources of pairs, and the texts that a tokenizer for them is learnt from."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ANIMALS = "猫 犬 鳥 魚 馬 牛 虎 兎 cat dog bird fish horse tiger mouse bear".split()  # noqa: SIM905
FRUIT = ["りんご", "みかん", "ぶどう", "もも", "なし", "かき", "いちご", "メロン"]
STORY = "昔々あるところに、{}が大好きなおじいさんと{}が嫌いなおばあさんがいました。毎朝{}番目の山へ出かけます。"

Records = list[dict[str, Any]]
RECORDS: dict[str, Records] = {
    "animals": [{"query": f"{a}について{n}", "passage": f"{a}は動物です。番号{n}"} for n in range(8) for a in ANIMALS],
    "numbers": [{"query": f"square of {n}", "passage": f"{n} times {n} is {n * n}"} for n in range(90)],
    "fruit": [
        {
            "query": f"{fruit}の季節 {n}",
            "passage": f"{fruit}がおいしいのは秋です。番号{n}",
            "negatives": [f"{fruit}の値段は{n}円です。", f"{other}は春のものです。"],
        }
        for n in range(12)
        for fruit, other in zip(FRUIT, FRUIT[1:] + FRUIT[:1], strict=True)
    ],
    "stories": [{"query": "話", "passage": STORY.format(a, b, n)} for n, a in enumerate(FRUIT) for b in FRUIT],
    "alike": [
        {"sentence1": f"{a}を{n}個買う", "sentence2": f"{b}を{n}個買う", "score": 5 if a == b else 1}
        for n in range(4)
        for a in FRUIT
        for b in FRUIT
    ],
}


def write_records(path: Path, records: Sequence[dict[str, Any]]) -> None:
    path.write_text("\n".join(json.dumps(record, ensure_ascii=False) for record in records), encoding="utf-8")
