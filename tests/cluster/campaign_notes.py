"""What the parts of a campaign have found so far, in a file, and as a table: who is interrupted goes on from there."""

import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from sakuin.files import atomic_write

NAME = "notes.json"

Figures = dict[str, Any]


class AskedOtherwiseError(Exception):
    """A campaign was begun with other numbers."""


class Notes:
    """Figures of each part of a campaign. Safe to use from several threads."""

    def __init__(self, folder: Path, asked: Mapping[str, int]) -> None:
        """Read what is there, if anything is.

        Args:
            folder: Of the campaign.
            asked: Its numbers.

        Raises:
            AskedOtherwiseError: it was begun with others.
        """
        self._path = folder / NAME
        self._lock = threading.Lock()
        self._all: dict[str, Any] = {"asked": dict(asked), "done": [], "parts": {}}
        if self._path.exists():
            self._all = json.loads(self._path.read_text())
        if self._all["asked"] != dict(asked):
            raise AskedOtherwiseError(f"{folder} holds a campaign of {self._all['asked']}: name another --folder.")

    def part(self, name: str) -> Figures:
        """What is known of a part; to be changed by nobody but `keep`."""
        found: Figures = self._all["parts"].get(name, {})
        return found

    def keep(self, name: str, figures: Mapping[str, Any], *, done: bool = False) -> None:
        """Note what is known of a part by now."""
        with self._lock:
            self._all["parts"][name] = dict(figures)
            if done:
                self._all["done"].append(name)
            with atomic_write(self._path) as part:
                part.write_text(json.dumps(self._all, ensure_ascii=False, indent=1))

    def is_done(self, name: str) -> bool:
        """Whether a part has come to its end."""
        return name in self._all["done"]

    def table(self) -> str:
        """All of it, as Markdown; of a part that has not come to its end, what it has found so far."""
        parts: dict[str, Figures] = self._all["parts"]
        lines = [
            "| part | done | nodes killed | errors | wrong | lost or damaged | all well again, s: median, most |",
            "| --- | --- | --: | --: | --: | --: | --- |",
        ]
        for name, unit, wrong in (
            ("build", "builds", ""),
            ("service", "answers", "wrong"),
            ("compared", "queries", "wrong"),
            ("commits", "commits", "mixed"),
        ):
            if figures := parts.get(name):
                others = figures.get("rough", 0) + figures.get("edge", 0)
                rough = f", {others} by other candidates" if others else ""
                what = f"{figures.get(unit, 0):,} {unit}{rough}" + ("" if self.is_done(name) else ", not at its end")
                lost = figures.get("lost", 0) + figures.get("damaged", 0)
                cells = [name, what, len(figures.get("took", [])), figures.get("errors", 0)]
                cells += [figures.get(wrong, "") if wrong else "", lost, spread(figures.get("took", []))]
                lines.append(f"| {' | '.join(map(str, cells))} |")
        if times := parts.get("times"):
            lines += ["", "| searched | p50 ms | p99 ms | a second, 8 clients |", "| --- | --: | --: | --: |"]
            for name, one in times.items():
                lines.append(f"| {name} | {one['p50_ms']} | {one['p99_ms']} | {one['per_second']} |")
        return "\n".join(lines)


def spread(seconds: Sequence[float]) -> str:
    """The median and the most."""
    return f"{median(seconds):.1f}, {max(seconds):.1f}" if seconds else ""


def counter_of(figures: Mapping[str, Any]) -> Counter[str]:
    """The numbers among some figures, to count on from."""
    return Counter({name: value for name, value in figures.items() if isinstance(value, int)})
