"""`ordersaga settings`."""

import sys
from typing import Any


def settings(*, json: bool = False) -> None:
    """Print the effective settings, secrets masked.

    Parameters
    ----------
    json
        Print one JSON object instead of one line per setting.

    """
    from ordersaga import config

    values = config.masked(config.load())
    if json:
        import msgspec

        sys.stdout.write(msgspec.json.format(msgspec.json.encode(values)).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(values))


def _lines(values: dict[str, Any], path: tuple[str, ...] = ()) -> list[str]:
    from ordersaga.config.fields import name_of

    lines = []
    for name, value in values.items():
        here = (*path, name)
        if isinstance(value, dict):
            lines += _lines(value, here)
        elif value is not None:
            lines.append(f"{name_of(here)}={str(value).lower() if isinstance(value, bool) else value}")
    return lines
