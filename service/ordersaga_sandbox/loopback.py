"""Which URLs are on this machine."""

from typing import Final
from urllib.parse import urlsplit

_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def is_loopback(url: str) -> bool:
    try:
        return urlsplit(url).hostname in _HOSTS
    except ValueError:
        return False
