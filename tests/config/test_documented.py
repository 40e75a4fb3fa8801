"""docs/settings.md describes every setting, and nothing else."""

from pathlib import Path

from ordersaga.config.document import table

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_document_holds_the_table_that_the_code_makes() -> None:
    assert table() in DOCUMENT.read_text(), "run: .venv/bin/python -m ordersaga.config.document docs/settings.md"


def test_every_setting_says_what_it_is() -> None:
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table().splitlines()[2:]]
    assert len(cells) > 40
    assert [row[0] for row in cells if not row[2]] == []
