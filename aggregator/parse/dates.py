"""Dates as feeds write them, in UTC. What can't be read, or can't be meant, is no date; nothing here raises.

RFC 3339 and RFC 822 (as amended by 2822 and 5322) and what the field makes of them: missing or named zones, two-digit
years, months in other languages, seconds since 1970, 24:00. A day that could also be a month is left alone.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta
from typing import Any

_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)  # zero and its time zones stand for "unknown" in the field
_LATEST = datetime(9998, 1, 1, tzinfo=UTC)

# What most feeds write, exactly as RFC 3339 and RFC 822 have it.
_ZONE = r"[+-](?:0\d|1[0-4])"
_RFC_3339 = re.compile(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|{_ZONE}:[0-5]\d)", re.A)
_RFC_822 = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?(\d\d?) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d{4}) "
    rf"(\d\d:\d\d:\d\d) (?:GMT|({_ZONE}[0-5]\d))",
    re.A,
)

_TIME = r"(?P<hour>\d{1,2})[:.hH](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,:]\d{1,12})?)?"
_ISO = re.compile(
    r"(?P<year>\d{4})(?P<dash>[-/.])(?P<month>\d{1,2})(?:(?P=dash)(?P<day>\d{1,2})"
    rf"(?:[\sTt_,]+{_TIME}\s*(?P<half>[aApP]\.?[mM]\.?)?\s*(?P<zone>.*))?)?"
)
_COMPACT = re.compile(
    r"(?P<year>[12]\d{3})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?:[\sTt]?(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?(?:\.\d{1,9})?\s*(?P<zone>[Zz]|[+-]\d{2}:?\d{2})?)?"
)
_HOUR_ONLY = re.compile(r"(\d{4}-\d{2}-\d{2}[Tt]\d{2})([Zz]|[+-]\d{2}:?\d{2})?")
_CJK = re.compile(
    r"(?P<year>\d{4})\s*[年년]\s*(?P<month>\d{1,2})\s*[月월]\s*(?P<day>\d{1,2})\s*[日일](?:\D{0,6}"
    + _TIME.replace("[:.hH]", "[:时時시]\\s*").replace("[:.](?P<second>", "[:分분]\\s*(?P<second>")
    + r"\s*(?P<zone>.*))?"
)
_SLASHES = re.compile(
    rf"(?P<a>\d{{1,2}})[/.-](?P<b>\d{{1,2}})[/.-](?P<year>\d{{4}})(?:[\s,]+{_TIME}\s*(?P<half>[aApP]\.?[mM]\.?)?\s*(?P<zone>.*))?"
)
_CLOCK = re.compile(rf"(?<![\d:]){_TIME}(?:\s*(?P<half>[aApP]\.?[mM]\b\.?))?")
_EPOCH = re.compile(r"(\d{9,10})(?:\.\d{1,9})?|(\d{12,13})")
_OFFSET = re.compile(r"(?:GMT|UTC|UT|Z)?\s*([+-−])\s*(\d{1,2}):?(\d{2})?(?!\d)", re.I)

# One line a month: English, German, French, Spanish, Italian, Portuguese, Dutch, Scandinavian, Polish, Czech, Russian,
# Ukrainian, Turkish, Greek, Hungarian, Finnish, Romanian, Indonesian. Looked up whole, then by the first three letters.
_MONTHS = (
    "january januar jänner janvier enero gennaio janeiro januari stycznia styczeń ledna leden января январь січня ocak "
    "ιανουαρίου ιαν január tammikuuta tammikuu ianuarie janv ene gen sty led янв січ oca jän",
    "february februar feber février fevrier febrero febbraio fevereiro februari lutego luty února únor февраля февраль лютого "
    "şubat φεβρουαρίου φεβ február helmikuuta helmikuu februarie févr fév fev lut úno фев лют şub",
    "march märz mars marzo março marco maart marts marca marzec března březen марта март березня mart μαρτίου μαρ március "
    "maaliskuuta maaliskuu martie maret mrz mär maa bře мар бер",
    "april avril abril aprile kwietnia kwiecień dubna duben апреля апрель квітня nisan απριλίου απρ április huhtikuuta "
    "huhtikuu aprilie avr abr kwi dub апр кві nis",
    "may mai mayo maggio maio mei maj maja května květen мая май травня mayıs μαΐου μαϊ május toukokuuta toukokuu mag "
    "kvě тра",
    "june juni juin junio giugno junho czerwca czerwiec června červen июня июнь червня haziran ιουνίου ιουν június kesäkuuta "
    "kesäkuu iunie giu cze июн чер haz",
    "july juli juillet julio luglio julho lipca lipiec července červenec июля июль липня temmuz ιουλίου ιουλ július "
    "heinäkuuta heinäkuu iulie juil lug lip июл лип tem",
    "august août aout agosto augustus augusti sierpnia sierpień srpna srpen августа август серпня ağustos αυγούστου αυγ "
    "augusztus elokuuta elokuu agustus aoû ago sie srp авг сер ağu",
    "september septembre septiembre settembre setembro września wrzesień září сентября сентябрь вересня eylül σεπτεμβρίου "
    "σεπ szeptember syyskuuta syyskuu septembrie sept set wrz zář сен вер eyl",
    "october oktober octobre octubre ottobre outubro października październik října říjen октября октябрь жовтня ekim "
    "οκτωβρίου οκτ október lokakuuta lokakuu octombrie okt ott out paź říj окт жов eki",
    "november novembre noviembre novembro listopada listopad ноября ноябрь kasım νοεμβρίου νοε marraskuuta marraskuu "
    "noiembrie lis ноя kas",
    "december dezember décembre decembre diciembre dicembre dezembro desember grudnia grudzień prosince prosinec декабря "
    "декабрь грудня aralık δεκεμβρίου δεκ joulukuuta joulukuu decembrie dez déc dic des gru pro дек гру ara",
)
_MONTH = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
for _name, _number in tuple(_MONTH.items()):
    _MONTH.setdefault(_name[:3], _number)

_ZONES = {  # hours east; RFC 5322 §4.3 knows ten of them, and the military letters that nobody used rightly mean UTC
    "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "et": -5, "ct": -6, "mt": -7,
    "pt": -8, "ast": -4, "adt": -3, "nst": -3.5, "ndt": -2.5, "akst": -9, "akdt": -8, "hst": -10, "brt": -3, "art": -3,
    "clt": -4, "wet": 0, "west": 1, "bst": 1, "cet": 1, "cest": 2, "met": 1, "mest": 2, "mez": 1, "mesz": 2, "eet": 2,
    "eest": 3, "msk": 3, "msd": 4, "trt": 3, "sast": 2, "ist": 5.5, "pkt": 5, "ict": 7, "wib": 7, "hkt": 8, "sgt": 8,
    "awst": 8, "jst": 9, "kst": 9, "acst": 9.5, "acdt": 10.5, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13,
}  # fmt: skip


def sane(date: datetime | None) -> datetime | None:
    """The date in UTC, or None where it can't be meant."""
    if date is None:
        return None
    try:
        date = date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    return date if _EARLIEST <= date < _LATEST else None


def from_struct(value: Any) -> datetime | None:
    """A date from feedparser's UTC time tuple."""
    try:
        return sane(datetime.fromtimestamp(calendar.timegm(value), UTC)) if value else None
    except (ValueError, OverflowError, TypeError, OSError):
        return None


def from_text(text: object) -> datetime | None:
    """The moment a text names, or None."""
    if not isinstance(text, str) or len(text) > 200:
        return None
    try:
        return sane(_exact(text) or _loose(" ".join(text.replace("\u200e", "").replace("\u200f", "").split())))
    except (ValueError, OverflowError, OSError, KeyError):
        return None


def _exact(text: str) -> datetime | None:
    """Dates in the exact form of their standard. What is wrong with the numbers of others is for those who know them."""
    try:
        if _RFC_3339.fullmatch(text):
            return datetime.fromisoformat(text)
        if match := _RFC_822.fullmatch(text):
            day, month, year, time, zone = match.groups()
            return datetime.fromisoformat(f"{year}-{_MONTH[month.lower()]:02}-{day:0>2}T{time}{zone or 'Z'}")
    except ValueError:
        pass
    return None


def _loose(text: str) -> datetime | None:
    """Dates in any form. Raises as `_numbers` does."""
    return (_exact(text) or _numbers(text) or _words(text)) if text else None


def _numbers(text: str) -> datetime | None:
    """Dates without names of months. Raises ValueError where the form is clear and the numbers are wrong."""
    if match := _EPOCH.fullmatch(text):
        return datetime.fromtimestamp(int(match[1]) if match[1] else int(match[2]) / 1000, UTC)
    if match := _HOUR_ONLY.fullmatch(text):
        text = f"{match[1]}:00{match[2] or ''}"
    for pattern in (_ISO, _COMPACT, _CJK):
        if match := pattern.fullmatch(text):
            found = match.groupdict()
            return _moment(int(found["year"]), int(found["month"]), int(found["day"] or 1), found)
    if match := _SLASHES.fullmatch(re.sub(r"^\D{1,12},?\s+", "", text)):
        a, b = int(match["a"]), int(match["b"])
        if "." in text[:6] and b <= 12:
            a, b = b, a  # with full stops the day comes first, wherever they are written
        elif a > 12 >= b:
            a, b = b, a
        elif b <= 12 and a != b:
            raise ValueError("the day could be the month")
        return _moment(int(match["year"]), a, b, match.groupdict())
    return None


def _words(text: str) -> datetime | None:
    """Dates with the name of a month, in any order: RFC 822, asctime, and what people write."""
    clock = _CLOCK.search(text)
    found: dict[str, str | None] = clock.groupdict() if clock else {}
    # The year may stand before or after the time (asctime), so the time is cut out.
    rest = f"{text[: clock.start()]} {text[clock.end() :]}" if clock else text
    words = re.findall(r"[^\W\d_]+|\d+|[+-−]", rest)
    month = day = year = None
    used = -1
    for number, word in enumerate(words):
        lower = word.lower()
        name = _MONTH.get(lower) or (_MONTH.get(lower[:3]) if lower.isascii() and len(lower) <= 9 else None)
        if month is None and name is not None and not _is_weekday(words, number):
            month, used = name, number
        elif word.isdigit() and word.isascii():
            if words[number - 1 : number] and words[number - 1] in "+-−" and month is not None and year is not None:
                break  # the offset
            if day is None and len(word) <= 2 and 1 <= int(word) <= 31:
                day, used = int(word), number
            elif year is None and len(word) <= 4:
                year, used = _year(word), number
        if month is not None and day is not None and year is not None:
            break
    if month is None or day is None or year is None:
        return None
    after = text[clock.end() :] if clock else " ".join(words[used + 1 :])
    found["zone"] = re.sub(r"^\s*\d{4}\b", "", after)
    return _moment(year, month, day, found)


def _is_weekday(words: list[str], number: int) -> bool:
    """Whether a word that may be a month is the name of a day: Mar(tes), Mar(di), Mer, maa(nantai)."""
    later = [w.lower() for w in words[number + 1 :]]
    return number == 0 and any(not w.isdigit() and (w in _MONTH or w[:3] in _MONTH) for w in later[:3])


def _year(word: str) -> int:
    year = int(word)
    if len(word) <= 2:
        return year + (2000 if year < 50 else 1900)  # RFC 5322 §4.3
    return year + 1900 if len(word) == 3 else year


def _moment(year: int, month: int, day: int, found: dict[str, str | None]) -> datetime:
    hour, minute, second = (int(found.get(name) or 0) for name in ("hour", "minute", "second"))
    if half := found.get("half"):
        hour = hour % 12 + (12 if half[0] in "pP" else 0)
    later = timedelta(0)
    if hour == 24 and minute == second == 0:
        hour, later = 0, timedelta(days=1)  # ISO 8601's midnight at the end of a day
    date = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)  # a leap second is the one before
    return date + later - _offset((found.get("zone") or "").strip())


def _offset(zone: str) -> timedelta:
    """East of Greenwich; zero where the zone is unknown or none (RFC 5322 §4.3)."""
    if match := _OFFSET.match(zone):
        hours, minutes = int(match[2]), int(match[3] or 0)
        if hours <= 15 and minutes < 60:
            return timedelta(hours=hours, minutes=minutes) * (1 if match[1] == "+" else -1)
    name = re.match(r"[A-Za-z]+", zone)
    return timedelta(hours=_ZONES.get(name[0].lower(), 0)) if name else timedelta(0)
