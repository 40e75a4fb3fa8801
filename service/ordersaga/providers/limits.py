"""Checks that the adapters have in common. A message has the JSON path and the limit, never the value."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import UNSET, UnsetType

from ordersaga.domain.model.fields import Given

Messages = Iterator[str]

MOST_MESSAGES: Final = 100


def first(messages: Iterable[str]) -> list[str]:
    """At most `MOST_MESSAGES` of them, and how many more there are."""
    told = list(messages)
    more = len(told) - MOST_MESSAGES
    return [*told[:MOST_MESSAGES], f"and {more} more"] if more > 0 else told


def texts(path: str, given: Given | UnsetType, limits: Mapping[str, int]) -> Messages:
    if given is UNSET:
        return
    for name, most in limits.items():
        yield from text(f"{path}.{name}", given.get(name, UNSET), most)


def text(path: str, value: str | UnsetType, most: int, least: int = 0) -> Messages:
    if value is not UNSET and not least <= len(value) <= most:
        yield f"{path}: {len(value)} characters, {f'{least} to' if least else 'at most'} {most}"


def pattern(path: str, value: str | UnsetType, pattern: re.Pattern[str]) -> Messages:
    if value is not UNSET and not pattern.fullmatch(value):
        yield f"{path}: must match ^{pattern.pattern}$"


def path_segment(path: str, value: str | UnsetType) -> Messages:
    """It becomes part of a URL's path, where dots alone would lead elsewhere."""
    if value is not UNSET and value in {".", ".."}:
        yield f"{path}: not an id"


def rate(path: str, value: int) -> Messages:
    if not 0 <= value <= 10_000:
        yield f"{path}: 0 to 10000"
