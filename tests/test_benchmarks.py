"""What benchmarks choose and call things by; what they measure is not tested."""

from collections.abc import Sequence

from benchmarks import labels
from benchmarks.contest import Contestant, Entry, Setting, Took, Tried, fastest, race, try_settings


class Stopwatch:
    """Stands for a contestant in its process: notes what it is given, and takes a second for each text."""

    def __init__(self, *others: Setting) -> None:
        self.contestant = Contestant("peer", "1.0", dict, {"batch_size": 32}, others)
        self.read: list[tuple[Setting, list[str]]] = []

    def took(self, texts: Sequence[str], setting: Setting) -> Took:
        self.read.append((setting, list(texts)))
        return Took(len(texts) / setting.get("speed", 1), 2.0 * len(texts))


def test_each_setting_is_tried_on_passages_that_no_other_reads() -> None:
    watch = Stopwatch({"batch_size": 256, "speed": 4}, {"batch_size": 1024, "speed": 2})
    tried = try_settings(watch, [f"text {number}" for number in range(12)])  # type: ignore[arg-type]
    assert [each.rate for each in tried] == [1, 4, 2]
    assert [len(texts) for _, texts in watch.read] == [4, 4, 4]
    assert len({text for _, texts in watch.read for text in texts}) == 12
    assert fastest(tried) == {"batch_size": 256, "speed": 4}


def test_the_fastest_setting_may_be_the_default() -> None:
    assert fastest([Tried({"batch_size": 32}, 9.0), Tried({"batch_size": 256}, 8.0)]) == {"batch_size": 32}


def test_all_read_the_same_in_each_round_and_take_turns_to_be_first() -> None:
    texts = [f"text {number}" for number in range(10)]
    order: list[str] = []

    class Noted(Stopwatch):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def took(self, texts: Sequence[str], setting: Setting) -> Took:
            order.append(self.name)
            return super().took(texts, setting)

    one, other = Noted("one"), Noted("other")
    entries = [Entry(one, {}, "default"), Entry(other, {"speed": 5}, "best")]  # type: ignore[arg-type]
    assert race(entries, texts, rounds=2) == [Took(10.0, 20.0), Took(2.0, 20.0)]
    assert [read for _, read in one.read] == [read for _, read in other.read]
    assert sorted(text for _, read in one.read for text in read) == sorted(texts)
    assert order == ["one", "other", "other", "one"]


def test_a_row_says_version_and_setting_and_whether_it_was_searched_for() -> None:
    figure = {"name": "peer", "version": "1.0", "dim": 1024, "setting": {"batch_size": 4096, "threads": 1}}
    assert labels.row(figure | {"role": "best"}) == (
        "peer 1.0, 1,024 dimensions, batches of 4,096, threads: 1 (best found)"
    )
    assert labels.row(figure | {"role": "default", "setting": {"runtime": "PyTorch 2"}}) == (
        "peer 1.0, 1,024 dimensions, PyTorch 2 (its default)"
    )
    assert labels.row({"name": "sakuin", "version": "0.1", "role": "", "setting": {}}) == "sakuin"
    assert labels.row({"name": "sentence-transformers, 1024"}) == "sentence-transformers, 1024"
