"""Dates as files write them, as ISO 8601 has them."""

import re
from datetime import date
from email.utils import parsedate_to_datetime

_DAY = re.compile(r"(?:D:)?(\d{4})\s*[-/.年]?\s*(\d{1,2})\s*[-/.月]?\s*(\d{1,2})")
_ERA = re.compile(r"(令和|平成|昭和|大正|明治)\s*(元|\d{1,2})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日")
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "大正": 1911, "明治": 1867}
"""The year before the first of each."""

_LESS = re.compile(r"\d{4}(?:-\d{2})?")


def iso_date(written: str) -> str:
    """The day that is written, such as ``2024-05-01``; the year or month where no more is; "" where it is none."""
    written = written.strip()
    if _LESS.fullmatch(written):
        return written
    try:
        if era := _ERA.match(written):
            year = _ERAS[era[1]] + (1 if era[2] == "元" else int(era[2]))
            return date(year, int(era[3]), int(era[4])).isoformat()
        if match := _DAY.match(written):
            return date(*map(int, match.groups())).isoformat()
        return parsedate_to_datetime(written).date().isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""
