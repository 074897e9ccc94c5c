"""Files of all formats, changed by chance, the same ones each time: what editors, disks and attackers make of files."""

import io
import random
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.index.samples import SAMPLES, in_mail, winmail_file

OFFICE = Path(__file__).parents[2] / "examples" / "office"
LARGEST_BYTES = 200_000

_TOKENS = (
    b"<", b">", b"</", b"<!--", b"]]>", b"&", b"&#0;", b"&#x110000;", b"&a;", b'"', b"'", b"{", b"}", b"[", b"]", b"\\",
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1b$B", b"\r", b"\x85", b"\n\n", b"\t", b",", b"=", b"%PDF-", b"endobj",
    b"stream\n", b"PK\3\4", b"\\u", b"\\bin9999999 ", b"From ", b"---\n", b"<script>", b"w:val=", b"NaN", b"1e999",
    b"<!DOCTYPE a [<!ENTITY a 'b'>]>", b"-1", b"0", b"99999999999999999999", "\ud7ff".encode(), "😀".encode(),
    "か\u3099".encode(),
)  # fmt: skip
_NUMBER = re.compile(rb"\d+")
_NUMBERS = (b"0", b"-1", b"1", b"255", b"65536", b"2147483648", b"4294967295", b"18446744073709551616", b"1e400")

Change = Callable[[bytes, random.Random], bytes]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _without(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + data[at + chance.randrange(1, 200) :]


def _flipped(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 3, 20))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _overwritten(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    length = chance.randrange(1, 64)
    return data[:at] + chance.randbytes(length) + data[at + length :]


def _with_tokens(data: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 1, 5))):
        at = chance.randrange(len(data) + 1)
        data = data[:at] + chance.choice(_TOKENS) + data[at:]
    return data


def _repeated(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    part = data[at : at + chance.choice((1, 4, 30, 300))]
    return data[:at] + part * min(chance.choice((2, 50, 3000)), LARGEST_BYTES // len(part)) + data[at:]


def _other_number(data: bytes, chance: random.Random) -> bytes:
    numbers = list(_NUMBER.finditer(data))
    if not numbers:
        return _flipped(data, chance)
    match = chance.choice(numbers)
    return data[: match.start()] + chance.choice(_NUMBERS) + data[match.end() :]


def _moved(data: bytes, chance: random.Random) -> bytes:
    one, two = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[two:] + data[one:two] + data[:one]


CHANGES: tuple[Change, ...] = (
    _cut, _without, _flipped, _overwritten, _with_tokens, _with_tokens, _repeated, _other_number, _other_number, _moved,
)  # fmt: skip


def mutated(number: int) -> Iterator[tuple[str, bytes]]:
    """Yield so many names and contents, of each format as many."""
    originals = [(name, make()) for name, make in SAMPLES.items()]
    suffixes = {Path(name).suffix for name, _ in originals}
    # Of the folder of an office one of each kind, and those of kinds that are not among the samples.
    for path in sorted(OFFICE.rglob("*.*")):
        if path.is_file() and path.stat().st_size and (path.suffix not in suffixes or path.stem.endswith("1")):
            originals.append((path.name, path.read_bytes()))
    for each in range(number):
        chance = random.Random(each)
        name, data = originals[each % len(originals)]
        yield f"{each}-{name}", _mutation(data, chance)


def _mutation(data: bytes, chance: random.Random) -> bytes:
    if data.startswith(b"PK") and chance.random() < 0.8:
        return _repacked(data, chance)
    if b"application/ms-tnef" in data and chance.random() < 0.8:
        return in_mail(_mutation(winmail_file(), chance))
    for _ in range(chance.choice((1, 1, 2, 4))):
        data = chance.choice(CHANGES)(data, chance)[:LARGEST_BYTES] or b"x"
    return data


def _repacked(data: bytes, chance: random.Random) -> bytes:
    """An archive of which a member was changed: damage to the archive itself is seen by its checksums."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as changed:
        members = [member for member in archive.infolist() if member.file_size]
        chosen = chance.choice(members).filename
        for member in members:
            content = archive.read(member)
            if member.filename == chosen:
                if chance.random() < 0.1:
                    continue  # a part that is missing
                content = _mutation(content, chance)
            changed.writestr(member.filename, content)
    return out.getvalue()
