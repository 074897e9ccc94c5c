"""What a reader reads: the bytes of a file, or of what an archive or a mail holds, under the name they have."""

import io
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from sakuin.index.errors import ReadError
from sakuin.index.reasons import Reason

MEMBER = "!/"
"""Stands between the name of an archive and that of a member: ``mail.zip!/offers/a.pdf``."""

MAX_NESTING = 4
"""Archives and mails within each other."""

MAX_MEMBERS = 10_000
MAX_MEMBER_BYTES = 2 * 1024 * 1024 * 1024
"""Of one file of a corpus, all that is unpacked from it, at every level."""


@dataclass(slots=True)
class Deadline:
    """Until when a file may be read: who reads it stops by himself, before he is stopped and what he has is lost.

    Attributes:
        seconds: That reading may take.
        limit: What was said of small files, from which they follow.
        at: By the clock of `time.monotonic`; later where the reader had to wait for whoever takes what it gives.
    """

    seconds: float
    limit: float
    at: float

    def reason(self) -> Reason:
        """Why the rest was left out."""
        return Reason("stopped", {"seconds": round(self.seconds, 1), "limit": self.limit})


@dataclass(slots=True)
class Allowance:
    """What may still be taken for one file of a corpus; shared by all that is nested in it.

    Attributes:
        members: How many more may be unpacked.
        bytes: How many more of them.
        deadline: Until when; None for as long as it takes.
        ocr: Whether text in pictures is read.
        without: The numbers of parts, such as pages, that are to be passed over: they cost a reader its process before.
        begin_part: Told the number of each part before it is read.
    """

    members: int = MAX_MEMBERS
    bytes: int = MAX_MEMBER_BYTES
    deadline: Deadline | None = None
    ocr: bool = False
    without: frozenset[int] = frozenset()
    begin_part: Callable[[int], object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The bytes that a reader makes documents of, and what they are called.

    Attributes:
        uri: Their name in the index; documents inside get it with ``#...``, members of an archive with ``!/...``.
        path: The file, where it is one on the disk.
        data: The bytes, where they came out of another file and there is no path.
        nesting: How many files they are inside of.
        allowance: What may still be taken.
    """

    uri: str
    path: Path | None = None
    data: bytes = b""
    nesting: int = 0
    allowance: Allowance = field(default_factory=Allowance)

    @property
    def suffix(self) -> str:
        """The ending of its name, in lower case and with its dot; "" where there is none."""
        # Faster than a Path's: it is asked for several times for each file.
        return os.path.splitext(self.path or self.uri)[1].lower()

    def open(self) -> BinaryIO:
        """Open the bytes for reading, from their beginning; raises OSError where a file cannot be."""
        return self.path.open("rb") if self.path else io.BytesIO(self.data)

    def member(self, name: str, data: bytes, inside: str = "") -> "Source":
        """What this holds under a name of its own, to be read by the reader of its kind.

        Args:
            name: Which may hold anything; it is never a path on the disk.
            data: Its bytes.
            inside: The name of what holds it, where that is a part of this.

        Raises:
            ReadError: If it is nested too deeply.
        """
        if self.nesting >= MAX_NESTING:
            raise ReadError(Reason("nested_archives", {"limit": MAX_NESTING}))
        uri = f"{inside or self.uri}{MEMBER}{name}"
        return Source(uri=uri, data=data, nesting=self.nesting + 1, allowance=self.allowance)

    def begins(self, part: int) -> bool:
        """Say that a part of the file, from 1, is read now; returns False where it is to be passed over."""
        if self.nesting:
            return True
        if self.allowance.begin_part:
            self.allowance.begin_part(part)
        return part not in self.allowance.without

    def late(self) -> Reason | None:
        """Why reading is to stop here, once it has taken as long as it may; None until then."""
        deadline = self.allowance.deadline
        return deadline.reason() if deadline and time.monotonic() > deadline.at else None

    def take_member(self) -> None:
        """Count a member, before it is unpacked.

        Raises:
            ReadError: If there were too many already.
        """
        if not self.allowance.members:
            raise ReadError(Reason("too_many_members", {"limit": MAX_MEMBERS}))
        self.allowance.members -= 1

    def take_bytes(self, number: int) -> None:
        """Count bytes that were unpacked.

        Raises:
            ReadError: If there are too many.
        """
        self.allowance.bytes -= number
        if self.allowance.bytes < 0:
            raise ReadError(Reason("unpacks_to_too_much", {"limit": MAX_MEMBER_BYTES // 1024 // 1024}))
