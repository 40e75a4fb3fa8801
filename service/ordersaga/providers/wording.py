"""What the adapters read of answers alike: a provider's own words, without personal data, and the pause that it asks for."""

import re
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from typing import Final

from ordersaga.providers.http import Answer

_MOST_MESSAGES: Final = 10
_MOST_CHARACTERS: Final = 500
_MOST_PAUSE: Final = 3_600.0
_EMAIL: Final = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")
_PHONE: Final = re.compile(r"\+\d[\d ().-]{5,20}\d")


def told(messages: Iterable[object]) -> tuple[str, ...]:
    """Those that are texts, cut, without what looks like an e-mail address or a phone number."""
    texts = [message for message in messages if isinstance(message, str)]
    return tuple(_told(message) for message in texts[:_MOST_MESSAGES])


def _told(message: str) -> str:
    cut = message[: 2 * _MOST_CHARACTERS]
    return _PHONE.sub("[phone]", _EMAIL.sub("[e-mail]", cut))[:_MOST_CHARACTERS]


def pause(answer: Answer, names: Iterable[str], now: float) -> float | None:
    """Seconds to wait, by the first of these headers that says so: a number of seconds, a time of the epoch, or an HTTP date."""
    for name in names:
        given = answer.headers.get(name, "").partition(";")[0].strip()
        seconds = _seconds(given, now) if given else None
        if seconds is not None:
            return min(max(seconds, 0.0), _MOST_PAUSE)
    return None


def _seconds(given: str, now: float) -> float | None:
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", given):
        seconds = float(given)
        return seconds - now if seconds > 1e9 else seconds
    try:
        return parsedate_to_datetime(given).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None
