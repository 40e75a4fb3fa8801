"""The table of all settings for the documentation: `python -m ordersaga.config.document FILE` updates it in the file."""

import sys
from collections.abc import Iterator
from pathlib import Path

from ordersaga.config.fields import Setting, all_settings

_HEAD = "| name | default | what it is |\n|---|---|---|"


def table() -> str:
    return "\n".join([_HEAD, *map(_row, all_settings())])


def _row(one: Setting) -> str:
    return f"| `{one.name}` | {_default(one)} | {' '.join(_sentences(one))} |"


def _default(one: Setting) -> str:
    if one.required:
        return "**required**"
    if one.default is None or " " in one.default:
        return one.default or ""
    return _code(one.default) + (" s" if one.seconds else "")


def _sentences(one: Setting) -> Iterator[str]:
    yield one.description
    if one.choices:
        yield f"One of {', '.join(_code(choice) for choice in one.choices)}."
    if one.example and one.name.count("__") == 0:
        yield f"Like {one.example if '`' in one.example else _code(one.example)}."
    if one.secret:
        yield "Secret."


def _code(text: str) -> str:
    return f"`{text}`"


def with_table(text: str) -> str:
    """`text` with its table updated."""
    start = text.index(_HEAD)
    end = text.find("\n\n", start)
    return text[:start] + table() + (text[end:] if end >= 0 else "\n")


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(with_table(file.read_text()))
