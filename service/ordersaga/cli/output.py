"""Printing for commands."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from ordersaga.operating.formats import at, counted, money, to_second

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["CommandError", "at", "console", "counted", "money", "print_json", "table", "to_second"]
_WIDTH: Final = 1_000
"""Of a table in a file or pipe, so that no cell is wrapped."""


class CommandError(Exception):
    """Ends the command with one line of text; `code`: the exit code."""

    def __init__(self, line: str, code: int = 1) -> None:
        super().__init__(line)
        self.code = code


def console(most: int | None = None) -> "Console":
    """Standard output, as wide as the terminal; `most`: columns that are used at most."""
    import sys

    from rich.console import Console

    printed = Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else _WIDTH)
    if most is not None:
        printed.width = min(printed.width, most)
    return printed


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]], *, most: int | None = None) -> None:
    """`most`: columns of the terminal that it uses at most. A column whose name begins with `#` contains numbers. None is an empty cell."""
    from rich.table import Table
    from rich.text import Text

    printed = Table(title=title, title_justify="left", title_style="bold", header_style="")
    for column in columns:
        numeric = column.startswith("#")
        printed.add_column(column.removeprefix("#"), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        printed.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console(most).print(printed)


def print_json(value: object) -> None:
    """One line."""
    import sys

    import msgspec

    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
