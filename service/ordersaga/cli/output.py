"""What commands print with."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH: Final = 1_000
"""Of a table that goes into a file or pipe: nothing is folded away."""


class CommandError(Exception):
    """Ends the command with its text as one line; `code` is the exit code."""

    def __init__(self, line: str, code: int = 1) -> None:
        super().__init__(line)
        self.code = code


def console() -> "Console":
    """Standard output, as wide as the terminal."""
    import sys

    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else _WIDTH)


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """A column whose name begins with `#` holds figures. None is an empty cell."""
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title, title_justify="left", title_style="bold", header_style="")
    for column in columns:
        figures = column.startswith("#")
        made.add_column(column.removeprefix("#"), justify="right" if figures else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console().print(made)


def at(seconds: float | None) -> str:
    """UTC, to the millisecond."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")


def money(minor: int | None, currency: str) -> str:
    """In the currency's own unit; minor units where the currency isn't known."""
    if minor is None:
        return ""
    digits = _digits(currency)
    whole, part = divmod(abs(minor), 10**digits)
    sign = "-" if minor < 0 else ""
    return f"{sign}{whole:,}" + (f".{part:0{digits}}" if digits else "")


def _digits(currency: str) -> int:
    from iso4217 import Currency

    try:
        return Currency(currency).exponent or 0
    except ValueError:
        return 0
