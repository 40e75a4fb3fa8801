"""The documents as the tests read them: their links, their code, their tables, their examples."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
README: Final = ROOT / "README.md"
OPERATORS: Final = ROOT / "docs" / "operators.md"
OPERATIONS: Final = ROOT / "docs" / "operations.md"
SCALING: Final = ROOT / "docs" / "scaling.md"
RUNBOOKS: Final = tuple(sorted((ROOT / "docs" / "runbooks").glob("*.md")))
EVIDENCE: Final = ROOT / "docs" / "evidence.md"
CONTRIBUTORS: Final = ROOT / "docs" / "contributors.md"
KLARNA: Final = ROOT / "docs" / "klarna.md"
MOLLIE: Final = ROOT / "docs" / "mollie.md"
CONTRACT: Final = ROOT / "contracts" / "README.md"
SETTINGS: Final = ROOT / "docs" / "settings.md"
OF_OPERATORS: Final = (OPERATORS, OPERATIONS, SCALING, *RUNBOOKS)
OURS: Final = (README, *OF_OPERATORS, EVIDENCE, KLARNA, MOLLIE, CONTRIBUTORS, ROOT / "CHANGELOG.md")
ALL: Final = tuple(
    sorted(
        {
            *OURS,
            *(ROOT / "docs").glob("*.md"),
            *(ROOT / folder / "README.md" for folder in ("contracts", "helm/ordersaga", "sample")),
        }
    )
)

_FENCE: Final = re.compile(r"^(?P<before>[^\n]*\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_RUN: Final = re.compile(r"<!-- not run: (.+) -->")
_BAR: Final = re.compile(r"(?<!\\)\|")
_SPAN: Final = re.compile(r"`([^`\n]+)`")
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """A fenced block. `not_run`: why not, from the comment before it."""

    language: str
    text: str
    not_run: str | None


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


def examples(document: Path) -> list[Example]:
    found = []
    for fence in _FENCE.finditer(document.read_text()):
        said = _NOT_RUN.search(fence["before"] or "")
        found.append(Example(fence["language"], fence["text"], said[1] if said else None))
    return found


def runnable(document: Path, language: str = "sh") -> list[str]:
    return [one.text for one in examples(document) if one.language == language and one.not_run is None]


def prose(document: Path) -> str:
    """Without the fenced blocks."""
    return _FENCE.sub("", document.read_text())


def spans(document: Path) -> list[str]:
    """What stands between backticks."""
    return _SPAN.findall(prose(document))


def code(document: Path) -> str:
    """All that is code, in the text and in blocks."""
    return "\n".join([*spans(document), *(one.text for one in examples(document))])


def links(document: Path) -> list[str]:
    return _LINK.findall(prose(document))


def anchors(document: Path) -> set[str]:
    """As GitHub makes them of the headings."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in _HEADING.findall(prose(document))
    }


def rows(document: Path, heading: str) -> Iterator[list[str]]:
    r"""Cells of the tables below that heading, up to the next one. `\|` in a cell is a bar."""
    text = prose(document).partition(f"# {heading}\n")[2]
    for line in text.partition("\n#")[0].splitlines():
        cells = [cell.strip().replace(r"\|", "|") for cell in _BAR.split(line.strip().strip("|"))]
        if line.startswith("|") and not set(line) <= set("|- "):
            yield cells


def first_column(document: Path, heading: str) -> set[str]:
    """The words in code of the first cells."""
    return {word for cells in rows(document, heading) for word in _SPAN.findall(cells[0])}
