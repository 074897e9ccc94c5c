"""Values of metadata as filters compare them: as texts, and in order as numbers and dates."""

import json
import unicodedata
from datetime import UTC, date, datetime, time

from sakuin.patterns import pattern

Value = str | int | float | bool | date

LARGEST_EXACT = 2**53

LONGEST_ORDERED = 64
"""Characters of a text that may be a number or a date."""


def value_text(value: Value) -> str:
    """A value as it is compared."""
    if isinstance(value, str):
        return value
    # json.dumps takes ten times as long, and counting writes the values of every document.
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return iso(value)
    # 2021.0 is 2021: a column of whole numbers with a gap in it comes as floats.
    whole = isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_EXACT
    return str(int(value)) if whole or isinstance(value, int) else json.dumps(value)


def plain(text: str) -> str:
    """A value of metadata as it is compared: in one width."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def iso(moment: date) -> str:
    """A date as ISO 8601 writes it; a time of day of no zone that is midnight is none."""
    if isinstance(moment, datetime) and moment.tzinfo is None and moment.time() == time.min:
        return moment.date().isoformat()
    return moment.isoformat()


_NUMBER = pattern(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?")
_DATE = pattern(
    r"(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2}))?|\.(\d{1,2})\.(\d{1,2})|年(?:(\d{1,2})月(?:(\d{1,2})日)?)?)"
    r"(?:[T ](\d\d:\d\d\S*))?"
)
_ERAS = {"明治": 1868, "大正": 1912, "昭和": 1926, "平成": 1989, "令和": 2019}
"""The first year of each."""
_LETTERS = {"M": "明治", "T": "大正", "S": "昭和", "H": "平成", "R": "令和"}
# A letter alone is too little to tell a date from the number of a model: R7.2.3, but not R7.
_OF_ERA = pattern(
    rf"(?:({'|'.join(_ERAS)})(\d{{1,2}}|元)年?(?:(\d{{1,2}})月(?:(\d{{1,2}})日)?)?"
    rf"|({'|'.join([*_ERAS, *_LETTERS])})(\d{{1,2}}|元)[-/.年](\d{{1,2}})[-/.月](\d{{1,2}})日?)"
)


def order_of(value: Value) -> tuple[str, float] | None:
    """What a value is ordered by: ("number", itself) or ("date", seconds since 1970); None where it is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return ("number", float(value))
    if isinstance(value, date):
        return ("date", seconds(value))
    if len(value) > LONGEST_ORDERED:
        return None
    text = unicodedata.normalize("NFKC", value).strip()
    if _NUMBER.fullmatch(text):
        return ("number", float(text.replace(",", "")))
    if (parts := _parts_of(text)) is None:
        return None
    year, month, day, time = parts
    try:
        return ("date", seconds(datetime.fromisoformat(f"{year:04}-{month:02}-{day:02}T{time}")))
    except ValueError:  # the 31st of February
        return None


def _parts_of(text: str) -> tuple[int, int, int, str] | None:
    """Year, month, day and time of what is written as a date; None of anything else."""
    if found := _DATE.fullmatch(text):
        year, month, day, dotted_month, dotted_day, japanese_month, japanese_day, time = found.groups()
        month, day = month or dotted_month or japanese_month or 1, day or dotted_day or japanese_day or 1
        return int(year), int(month), int(day), time or "00:00"
    if found := _OF_ERA.fullmatch(text.upper()):
        era, year, month, day = found.groups()[4:] if found[5] else found.groups()[:4]
        first = _ERAS[_LETTERS.get(era, era)]
        return first - 1 + (1 if year == "元" else int(year)), int(month or 1), int(day or 1), "00:00"
    return None


def seconds(moment: date) -> float:
    """Seconds since 1970; without a zone, in UTC."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
