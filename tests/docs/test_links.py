"""Every link and path in the documents leads somewhere."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from .documents import ALL, OURS, ROOT, anchors, links, name_of, spans

_PATH = re.compile(r"\.?[\w-]+(?:/[\w.-]+)*/?")
_ROOTS = (ROOT, ROOT / "service" / "ordersaga")
_SVG = "{http://www.w3.org/2000/svg}"


def leads_nowhere(document: Path, link: str) -> bool:
    if link.startswith("https://"):
        return False
    target, _, anchor = link.partition("#")
    place = (document.parent / target).resolve() if target else document
    return not place.exists() or bool(anchor and anchor not in anchors(place))


@pytest.mark.parametrize("document", ALL, ids=name_of)
def test_every_link_leads_somewhere(document: Path) -> None:
    assert [link for link in links(document) if leads_nowhere(document, link)] == []


@pytest.mark.parametrize("link", ["nowhere.md", "README.md#no-such-heading", "http://example.com"])
def test_a_link_that_leads_nowhere_is_seen(link: str) -> None:
    assert leads_nowhere(ROOT / "README.md", link)


@pytest.mark.parametrize("document", OURS, ids=name_of)
def test_every_path_is_there(document: Path) -> None:
    paths = [span for span in spans(document) if "/" in span and _PATH.fullmatch(span)]
    made_by_running = {".venv/bin", ".local/"}
    missing = [path for path in paths if not any((root / path).exists() for root in _ROOTS)]
    assert set(missing) - made_by_running == set()


def test_the_picture_says_what_it_shows() -> None:
    picture = ET.parse(ROOT / "docs" / "data-flow.svg").getroot()
    assert picture.findtext(f"{_SVG}title")
    assert picture.findtext(f"{_SVG}desc")
    assert [one for one in picture.iter() if one.tag in {f"{_SVG}image", f"{_SVG}script"}] == []
