"""Archives: members by their names, bounded in number, depth and size."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from sakuin.index.build import build
from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.reading import read_source
from sakuin.index.readers.source import MAX_NESTING, Allowance, Source
from sakuin.search import Searcher
from tests.index.samples import sheet_file, slide_file, word_file, zipped


def items(data: bytes, name: str = "a.zip", allowance: Allowance | None = None) -> list[Document | Skipped]:
    return list(read_source(Source(uri=name, data=data, allowance=allowance or Allowance())))


def texts(data: bytes, name: str = "a.zip") -> dict[str, str]:
    return {item.id: item.text for item in items(data, name) if isinstance(item, Document)}


def reasons(data: bytes, name: str = "a.zip", allowance: Allowance | None = None) -> dict[str, str]:
    return {item.uri: item.reason.code for item in items(data, name, allowance) if isinstance(item, Skipped)}


def tarred(parts: dict[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in parts.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


FILES = {
    "覚え書き.txt": "見積の件です。".encode(),
    "表/一覧.xlsx": sheet_file(),
    "図.png": b"\x89PNG",
    "__MACOSX/._a.txt": b"x",
    "~$覚え書き.docx": b"x",
    "._覚え書き.txt": b"x",
    "js/node_modules/a/readme.md": b"x",
    "src/.git/config": b"x",
    "web/App.min.js": b"x",
    "web/Cargo.lock": b"x",
}


@pytest.mark.parametrize("mode", ["w:", "w:gz", "w:bz2", "w:xz", "zip"])
def test_members_are_documents_under_their_paths(mode: str) -> None:
    name = {"w:": "a.tar", "w:gz": "a.tar.gz", "w:bz2": "a.tbz2", "w:xz": "a.txz", "zip": "a.zip"}[mode]
    data = zipped(dict(FILES)) if mode == "zip" else tarred(FILES, mode)
    assert texts(data, name) == {
        f"{name}!/覚え書き.txt": "見積の件です。",
        f"{name}!/表/一覧.xlsx#一覧!2": "品名: 見積作成\n金額: 1200",
        f"{name}!/表/一覧.xlsx#一覧!3": "品名: 点検\n金額: 80",
    }
    assert reasons(data, name) == {f"{name}!/図.png": "picture"}


def test_a_file_that_is_only_compressed() -> None:
    log = "開始しました。\n".encode()
    for name, pack in (("a.log.gz", gzip.compress), ("a.log.bz2", bz2.compress), ("a.log.xz", lzma.compress)):
        assert texts(pack(log), name) == {f"{name}!/a.log": "開始しました。"}


def test_names_in_the_encodings_of_those_who_packed_them() -> None:
    def old(names: list[bytes]) -> bytes:
        data = zipped({"x" * len(name): "本文です。" for name in names})
        for name in names:
            data = data.replace(b"x" * len(name), name)
        return data

    assert list(texts(old(["見積書の表.txt".encode("cp932")]))) == ["a.zip!/見積書の表.txt"]
    assert list(texts(old(["見積書の表の一覧表.txt".encode()]))) == ["a.zip!/見積書の表の一覧表.txt"]
    named = (
        b"\x75\x70"
        + (5 + len("表.txt".encode())).to_bytes(2, "little")
        + b"\1"
        + zlib.crc32(b"x.txt").to_bytes(4, "little")
    )
    named += "表.txt".encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        member = zipfile.ZipInfo("x.txt")
        member.extra = named
        archive.writestr(member, "本文です。")
    assert list(texts(out.getvalue())) == ["a.zip!/表.txt"]
    assert list(texts(zipped({"a\\b.txt": "本文です。"}))) == ["a.zip!/a/b.txt"]


def test_names_that_lead_elsewhere_are_only_names(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.zip").write_bytes(
        zipped({"../../逃げる.txt": "逃げる本文です。", "/etc/絶対.txt": "絶対の本文です。"})
    )
    before = sorted(tmp_path.rglob("*"))
    report = build(corpus, tmp_path / "index")
    assert (report.added, report.skipped) == (1, [])
    assert [path for path in sorted(tmp_path.rglob("*")) if "index" not in path.parts] == before
    with Searcher.open(tmp_path / "index") as searcher:
        assert searcher.search("逃げる", mode="bm25").hits[0].document.id == "a.zip!/../../逃げる.txt"


def test_links_and_devices_in_a_tar_are_nothing() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            member = tarfile.TarInfo("a.txt")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    assert items(out.getvalue(), "a.tar") == []


def test_archives_within_archives_are_read_so_deep() -> None:
    data = zipped({"底.txt": "底の本文です。"})
    for _ in range(MAX_NESTING - 1):
        data = zipped({"内.zip": data})
    assert list(texts(data).values()) == ["底の本文です。"]
    assert list(reasons(zipped({"内.zip": data})).values()) == ["nested_archives"]


def test_numbers_and_bytes_are_bounded_over_all_levels() -> None:
    inner = zipped({f"{number}.txt": "本文です。" for number in range(5)})
    data = zipped({"一.zip": inner, "二.zip": inner})
    assert reasons(data, allowance=Allowance(members=9)) == {"a.zip!/二.zip": "too_many_members"}
    assert reasons(data, allowance=Allowance(bytes=len(inner) + 30)) == {
        "a.zip!/一.zip": "unpacks_to_too_much",
        "a.zip": "unpacks_to_too_much",
    }
    with pytest.raises(ReadError, match="more than"):
        items(data, allowance=Allowance(members=0))


def test_a_bomb_is_refused() -> None:
    with pytest.raises(ReadError, match="unpacks to"):
        items(zipped({"a.txt": b" " * 80_000_000}))
    with pytest.raises(ReadError, match="unpacks to"):
        items(gzip.compress(b" " * 80_000_000), "a.gz")


def test_a_damaged_or_encrypted_member_costs_itself() -> None:
    data = bytearray(zipped({"一.txt": b"\0\1\2", "二.txt": "本文です。" * 99, "三.txt": "本文です。"}))
    at = data.index("二.txt".encode()) + 30
    data[at : at + 4] = b"\xff\xff\xff\xff"
    assert list(texts(bytes(data))) == ["a.zip!/三.txt"]
    assert reasons(bytes(data))["a.zip!/二.txt"] == "damaged_part"
    locked = bytearray(zipped({"a.txt": "x"}))
    for at in (6, locked.index(b"PK\1\2") + 8):
        locked[at] |= 1
    assert reasons(bytes(locked)) == {"a.zip!/a.txt": "encrypted_member"}


def test_office_files_of_another_name_are_known() -> None:
    for data in (word_file(), slide_file(), sheet_file()):
        assert any("見積" in text for text in texts(data, "a.bin").values())


@pytest.mark.parametrize("content", [b"text", b"PK\3\4 no", b"\x1f\x8b no", b"BZh no", b"7z\xbc\xaf\x27\x1c"])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    with pytest.raises(ReadError, match="archive"):
        items(content)
