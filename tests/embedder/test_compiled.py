"""The compiled core gives the ids of `tokenizers` and the vectors of numpy and torch, to the last bit."""

import base64
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from shutil import which

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers

from sakuin.embedder import StaticEmbedder
from sakuin.embedder import model as encoding
from sakuin.embedder.core import native
from sakuin.embedder.errors import ModelError
from sakuin.embedder.folder import DEFAULT_FOLDER, read_model, write_model
from sakuin.embedder.model import COMPILED_FROM
from sakuin.embedder.pooling import ADDED_TOGETHER, POOLINGS, Bags, make_bags, pool, renumbered, weighted_sums
from sakuin.embedder.table import Table
from sakuin.embedder.tokenising import PROBES, PROVEN_FROM, FlatTokenizer
from sakuin.embedder.unigram import compiled_tokenizer

compiled = pytest.mark.skipif(native is None, reason="the compiled core was not built: is there a C compiler?")
x86 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="torch may add up otherwise on this processor"
)
VOCABULARY = 50
PACKAGED = FlatTokenizer(DEFAULT_FOLDER / "tokenizer.json")
WRITING = (
    "あいうがぎ゛゜ァアーｱｶﾞﾊﾟ漢字國々〆ヶＡａA1①㈱ﬁé\u3099\u0301 \u3000\n\r\t.,。、「」▁<s>/mask＜"
    "😀👩\u200d👧🇯🇵\ufe0f\u200b\ufeff\x00\x01ก\u0e33नि한\u1112\u1161𠮷😶\u0600\u00ad½Ⅳ\u2028\x85"
)


@pytest.mark.skipif(which("gcc") is None, reason="there is no C compiler to build the core with")
def test_the_core_was_built_where_there_is_a_compiler() -> None:
    assert native is not None


def tokenizer_file(folder: Path, name: str, toy: Tokenizer) -> Path:
    """A tokenizer of one of the forms that the compiled core reads."""
    made = Tokenizer.from_str(toy.to_str())
    if name == "white space":
        made.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")]
        )
    if name in ("white space", "strip"):
        precompiled, _ = toy.normalizer
        made.normalizer = normalizers.Sequence(
            [precompiled, normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")]
        )
    if name == "special":
        made.add_special_tokens(["<s>", "</s>", AddedToken("<mask>", lstrip=True, normalized=True)])
    made.save(str(folder / f"{name}.json"))
    return folder / f"{name}.json"


for_the_core = cache(compiled_tokenizer)
FORMS = ("plain", "special", "strip", "white space")


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory, toy_tokenizer: Tokenizer) -> list[FlatTokenizer]:
    """The packaged tokenizer, and toy ones of each form."""
    folder = tmp_path_factory.mktemp("forms")
    return [PACKAGED, *(FlatTokenizer(tokenizer_file(folder, name, toy_tokenizer)) for name in FORMS)]


def assert_same_ids(flat: FlatTokenizer, texts: list[str]) -> None:
    core = for_the_core(flat.path)
    assert core is not None
    ids, lengths = flat._encode_compiled(core, texts)
    exact_ids, exact_lengths = flat._encode_exact(texts)
    assert lengths.tolist() == exact_lengths.tolist()
    assert ids.tolist() == exact_ids.tolist()


@compiled
@settings(max_examples=300)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), max_size=4))
def test_ids_of_any_text_are_those_of_tokenizers(forms: list[FlatTokenizer], texts: list[str]) -> None:
    for flat in forms:
        assert_same_ids(flat, texts)


@compiled
@settings(max_examples=400)
@given(texts=st.lists(st.text(WRITING, max_size=40), max_size=4))
def test_so_are_those_of_what_tokenizers_disagree_about(forms: list[FlatTokenizer], texts: list[str]) -> None:
    for flat in forms:
        assert_same_ids(flat, texts)


@compiled
def test_so_are_those_of_every_character(forms: list[FlatTokenizer]) -> None:
    """Each by itself, before and behind a letter, and behind kana."""
    characters = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    lines = ["".join(characters[at : at + 64]) for at in range(0, len(characters), 64)]
    around = [f"a{c}b か{c} é{c}" for c in characters[: 0x3100 if os.environ.get("CI") is None else 0x10000]]
    for flat in forms[:2]:
        assert_same_ids(flat, lines)
    assert_same_ids(forms[0], around)


@compiled
def test_a_text_is_read_to_its_end_however_long(forms: list[FlatTokenizer]) -> None:
    for flat in forms:
        assert_same_ids(flat, ["日本語の長い文章です。" * 20_000, "no spaces" * 3000, " " * 10_000, "x", *PROBES])


@compiled
def test_ordinary_texts_are_not_handed_back() -> None:
    texts = [
        "吾輩は猫である。名前はまだ無い。ＡＢＣ、①②㈱、ﾊﾝｶｸ。",
        "Résumé – “quoted” 😀 text\twith\n lines.",
        "が\u3099か\u3099 NFD 표준 한국어 Привет",
    ]
    assert native is not None
    _, lengths = native.token_ids(compiled_tokenizer(PACKAGED.path), texts, 0, len(texts))
    assert (np.frombuffer(lengths, np.int32) > 0).all()


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("normalizer", {"type": "NFKC"}),
        ("normalizer", None),
        ("pre_tokenizer", {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": True}),
        ("pre_tokenizer", {"type": "Metaspace", "replacement": "_", "prepend_scheme": "always", "split": True}),
        ("pre_tokenizer", {"type": "Whitespace"}),
        ("added_tokens", [{"id": 9 + n, "content": f"<{n}>", "normalized": False} for n in range(300)]),
        ("truncation", {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}),
        ("model", {"type": "Unigram", "unk_id": 3, "vocab": [["a", 0.0]]}),
        ("model", {"type": "Unigram", "unk_id": 0, "vocab": [["a" * 2000, 0.0]]}),
        ("model", {"type": "BPE", "vocab": {}, "merges": []}),
    ],
)
def test_a_tokenizer_of_another_form_is_left_to_tokenizers(
    tmp_path: Path, toy_tokenizer: Tokenizer, part: str, value: object
) -> None:
    definition = json.loads(toy_tokenizer.to_str()) | {part: value}
    (tmp_path / "tokenizer.json").write_text(json.dumps(definition), encoding="utf-8")
    assert compiled_tokenizer(tmp_path / "tokenizer.json") is None


@compiled
def test_a_damaged_map_of_characters_is_left_to_tokenizers(tmp_path: Path, toy_tokenizer: Tokenizer) -> None:
    definition = json.loads(toy_tokenizer.to_str())
    step = next(s for s in definition["normalizer"]["normalizers"] if s["type"] == "Precompiled")
    whole = base64.b64decode(step["precompiled_charsmap"])
    rng = np.random.default_rng(0)
    for damaged in (b"", whole[:3], whole[:1000], b"\xff" * 8 + whole[8:], rng.bytes(len(whole) - 1) + b"\0"):
        step["precompiled_charsmap"] = base64.b64encode(damaged).decode()
        (tmp_path / "tokenizer.json").write_text(json.dumps(definition), encoding="utf-8")
        core = compiled_tokenizer(tmp_path / "tokenizer.json")
        # Whatever bytes say, nothing outside of them is read.
        assert core is None or native is None or native.token_ids(core, list(PROBES), 0, len(PROBES))


def many(number: int) -> list[str]:
    """Texts of all kinds and lengths, some of which only `tokenizers` can read."""
    texts = [f"{i}番目の文書です。The {i}th document, 検索 {'とても' * (i % 7)}" for i in range(number)]
    return [
        *texts,
        "",
        "猫" * 5000,
        " ".join(str(i * i) for i in range(2000)),
        "e\u0301 awkward",
        "<s>",
        *PROBES,
        *(text * 40 for text in texts[:10]),
    ]


@pytest.fixture
def by_numpy(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """As where the package was installed without a compiler."""
    with monkeypatch.context() as patched:
        patched.setattr(encoding, "fuses", lambda: False)
        yield patched


@compiled
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("dim", [1024, 256, 50])
def test_vectors_are_those_of_numpy(pooling: str, dim: int, by_numpy: pytest.MonkeyPatch) -> None:
    model = StaticEmbedder.load(pooling=pooling)  # type: ignore[arg-type]
    texts = many(1500)
    slowly = model.encode(texts, dim)
    by_numpy.undo()
    assert (model.encode(texts, dim) == slowly).all()


@compiled
@pytest.mark.parametrize("stored", ["float32", "float16", "int8"])
def test_so_are_those_of_tables_of_each_type(
    stored: str, toy_model: Path, tmp_path: Path, by_numpy: pytest.MonkeyPatch
) -> None:
    files = read_model(toy_model)
    table = files.table.as_int8() if stored == "int8" else Table(files.table.values.astype(stored))
    write_model(tmp_path, replace(files, table=table, pooling="even"))
    model, texts = StaticEmbedder.load(tmp_path), many(PROVEN_FROM)
    slowly = model.encode(texts, 33)
    by_numpy.undo()
    assert (model.encode(texts, 33) == slowly).all()


@compiled
@pytest.mark.parametrize("pooling", POOLINGS)
def test_so_is_what_a_query_looks_for(pooling: str, by_numpy: pytest.MonkeyPatch) -> None:
    model, texts = StaticEmbedder.load(pooling=pooling), many(100)  # type: ignore[arg-type]
    texts.append("猫\ud800cat")
    slowly = [model.asked_tokens(text) for text in texts]
    by_numpy.undo()
    model.encode(texts)
    for text, expected in zip(texts, slowly, strict=True):
        asked = model.asked_tokens(text)
        assert (asked.ids == expected.ids).all()
        assert (asked.weights == expected.weights).all()


@x86
@compiled
@pytest.mark.parametrize("dim", [1024, 100])
def test_so_are_those_of_torch(dim: int) -> None:
    model, texts = StaticEmbedder.load(), many(500)
    table = torch.from_numpy(model._files.table.prefix(dim))
    assert (model.encode(texts, dim) == pool(table, model.bags(texts)).numpy()).all()


def test_a_vector_does_not_depend_on_what_is_encoded_beside_it() -> None:
    texts = many(2 * COMPILED_FROM)
    alone = subprocess_vectors(texts[3], dim=50)
    model = StaticEmbedder.load()
    for dim in (1024, 256, 50):
        together = model.encode(texts, dim, normalize=True)
        for start, stop in ((0, 1), (3, 40), (5, 5 + COMPILED_FROM)):
            assert (model.encode(texts[start:stop], dim, normalize=True) == together[start:stop]).all()
    assert (alone == together[3:4]).all()


def subprocess_vectors(text: str, dim: int) -> np.ndarray:
    """The vector of the only text that a process encodes."""
    code = (
        "import sys; from sakuin.embedder import StaticEmbedder\n"
        "vectors = StaticEmbedder.load().encode([sys.argv[1]], int(sys.argv[2]), normalize=True)\n"
        "sys.stdout.buffer.write(vectors.tobytes())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, text, str(dim)], check=True, timeout=120, stdout=subprocess.PIPE
    )
    return np.frombuffer(found.stdout, np.float32).reshape(1, dim)


@compiled
def test_a_tokenizer_with_more_pieces_than_rows_is_refused(toy_model: Path, tmp_path: Path) -> None:
    files = read_model(toy_model)
    write_model(tmp_path, replace(files, table=Table(files.table.prefix(8)[:5])))
    with pytest.raises(ModelError, match="more pieces"):
        StaticEmbedder.load(tmp_path).encode(["cat mat"] * PROVEN_FROM)
    model = StaticEmbedder.load(tmp_path)
    model.encode([""] * PROVEN_FROM)
    with pytest.raises(ModelError, match="more pieces"):
        model.asked_tokens("cat mat")


@compiled
def test_lone_surrogates_are_undecodable_bytes(toy_model: Path) -> None:
    for model in (StaticEmbedder.load(), StaticEmbedder.load(toy_model)):
        texts = ["猫\ud800cat", "cat"] * PROVEN_FROM
        assert (model.encode(texts) == model.encode([text.replace("\ud800", "\ufffd") for text in texts])).all()


@compiled
def test_any_sequence_of_texts_is_read_by_place() -> None:
    import pandas

    model, texts = StaticEmbedder.load(), many(COMPILED_FROM)
    shuffled = pandas.Series(texts).sample(frac=1, random_state=0)
    assert (model.encode(shuffled) == model.encode(shuffled.tolist())).all()
    assert (model.encode(pandas.Series(texts)[10:]) == model.encode(texts[10:])).all()
    assert (model.token_counts(shuffled) == model.token_counts(shuffled.tolist())).all()


@compiled
def test_a_rare_character_may_stand_for_any_number_of_others() -> None:
    """A map of one character beyond U+FFFF to a long string, in sentencepiece's form."""
    assert native is not None
    string = b"b" * 150 + b"\0"
    units = np.zeros(1024, np.uint32)
    at = 0
    key = "😀".encode()
    units[0] = 256 << 10
    at ^= 256
    for place, byte in enumerate(key):
        at ^= byte
        last = place == len(key) - 1
        units[at] = byte | (512 << 10 if place % 2 else 256 << 10) | (1 << 8 if last else 0)
        at ^= 512 if place % 2 else 256
    units[at] = 1 << 31
    charsmap = (4 * len(units)).to_bytes(4, "little") + units.tobytes() + string
    core = native.tokenizer(["<unk>", "▁", "b"], np.array([0.0, -1.0, -2.0]), 0, charsmap, [], False, False)
    ids, lengths = native.token_ids(core, ["😀" * 100 + "b" * 7100], 0, 1)
    assert np.frombuffer(lengths, np.int32).tolist() == [1 + 150 * 100 + 7100]
    assert set(np.frombuffer(ids, np.int32)[1:].tolist()) == {2}


@compiled
def test_added_tokens_that_a_normaliser_may_touch_are_left_to_tokenizers(
    tmp_path: Path, toy_tokenizer: Tokenizer
) -> None:
    made = Tokenizer.from_str(toy_tokenizer.to_str())
    made.add_special_tokens([AddedToken("\n", normalized=False)])
    made.save(str(tmp_path / "line.json"))
    assert_same_ids(FlatTokenizer(tmp_path / "line.json"), ["a\r\nb", "cat\nmat", "\r\n"])


@compiled
def test_threads_share_a_model() -> None:
    texts = many(600)
    expected = StaticEmbedder.load().encode(texts)
    fresh = StaticEmbedder(read_model(DEFAULT_FOLDER), "another")
    with ThreadPoolExecutor(8) as threads:
        for vectors in threads.map(lambda _: fresh.encode(texts), range(8)):
            assert (vectors == expected).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forked_processes_encode_in_bulk_too() -> None:
    # In a process of its own, for one with threads must not fork; a child that waits for threads is killed.
    code = (
        "import os, signal, sys; from sakuin.embedder import StaticEmbedder\n"
        "texts = [f'{number} 匹の猫' for number in range(2000)]\n"
        "model = StaticEmbedder.load(); before = model.encode(texts); child = os.fork()\n"
        "if not child: signal.alarm(30); os._exit(0 if (model.encode(texts) == before).all() else 1)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_without_the_core_all_is_encoded_all_the_same(tmp_path: Path) -> None:
    texts = ["cat mat", "猫", "", "e\u0301"] * 20
    np.save(tmp_path / "vectors.npy", StaticEmbedder.load().encode(texts, 32))
    code = (
        "import sys; sys.modules['sakuin.embedder.native'] = None\n"
        "import numpy as np; from sakuin.embedder import StaticEmbedder, core\n"
        "assert core.native is None\n"
        "vectors = StaticEmbedder.load().encode(['cat mat', '猫', '', 'e\\u0301'] * 20, 32)\n"
        "assert (vectors == np.load(sys.argv[1])).all()"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "vectors.npy"], check=True, timeout=120)


@pytest.mark.parametrize("built", [True, False])
def test_the_version_says_whether_there_is_a_core(built: bool) -> None:
    hidden = "" if built else "sys.modules['sakuin.embedder.native'] = None; "
    code = f"import sys; {hidden}from sakuin.cli.main import cli; cli(['--version'])"
    said = subprocess.check_output([sys.executable, "-c", code], text=True, timeout=120)
    assert said.startswith("index, version ")
    assert ("without" in said) == (not built or native is None)


def test_a_core_of_another_version_of_the_code_is_not_used() -> None:
    code = (
        "import sys, types; other = types.ModuleType('native')\n"
        "for name in ('embedder.native', 'index.text.native'):\n"
        "    sys.modules[f'sakuin.{name}'] = other\n"
        "import sakuin.embedder, sakuin.index.text\n"
        "sakuin.embedder.native = sakuin.index.text.native = other\n"
        "from sakuin.embedder import core, StaticEmbedder\n"
        "from sakuin.index.text import Analyser, compiled\n"
        "assert core.native is compiled.native is None\n"
        "assert StaticEmbedder.load().encode(['猫'] * 100).any() and Analyser().terms('検索する猫')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_one_query_loads_neither_tokenizers_nor_torch() -> None:
    code = (
        "import sys; from sakuin.embedder import StaticEmbedder, core\n"
        "StaticEmbedder.load().encode(['有給休暇の申請'], 256, normalize=True)\n"
        "assert 'torch' not in sys.modules\n"
        "assert core.native is None or 'tokenizers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


# ---- What numpy adds up, against torch


def random_bags(lengths: list[int], seed: int) -> Bags:
    """Of texts with so many entries each, with weights of very different sizes."""
    rng = np.random.default_rng(seed)
    offsets = np.cumsum([0, *lengths])
    weights = np.exp(rng.normal(size=offsets[-1]) * 4).astype(np.float32)
    return Bags(rng.integers(0, VOCABULARY, offsets[-1]), weights, offsets)


@x86
@given(st.lists(st.integers(0, 70), max_size=40), st.sampled_from([1, 7, 64, 1024]), st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_weighted_sums_are_those_of_torch(lengths: list[int], width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = (rng.normal(size=(VOCABULARY, width)) * np.exp(rng.normal(size=(VOCABULARY, 1)) * 4)).astype(np.float32)
    bags = random_bags(lengths, seed)
    assert (weighted_sums(rows, bags) == pool(torch.from_numpy(rows), bags).numpy()).all()


@given(st.lists(st.lists(st.integers(0, VOCABULARY - 1), max_size=20), max_size=10))
def test_renumbered_bags_stand_for_the_same_ids(texts: list[list[int]]) -> None:
    ids = np.array([token for text in texts for token in text], np.int64)
    bags = make_bags(ids, np.array([len(text) for text in texts], np.int64), pooling="mean")
    used, own = renumbered(bags, VOCABULARY)
    assert used.tolist() == sorted(set(ids.tolist()))
    assert (used[own.ids] == bags.ids).all()


@x86
def test_so_are_those_of_more_texts_than_are_taken_together() -> None:
    rows = np.random.default_rng(0).normal(size=(VOCABULARY, 64)).astype(np.float32)
    lengths = np.random.default_rng(1).integers(0, 40, 3 * ADDED_TOGETHER // 64).tolist()
    bags = random_bags(lengths, 2)
    assert (weighted_sums(rows, bags) == pool(torch.from_numpy(rows), bags).numpy()).all()
