"""Each alert has its page and each page its alert; the commands, options and metrics that the pages name exist."""

import re
import shlex
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from cyclopts import CycloptsError

from helm import programs
from ordersaga.cli import app

from .documents import OF_OPERATORS, OPERATORS, ROOT, RUNBOOKS, anchors, examples, links, name_of, runnable

Json = dict[str, Any]
HEADINGS: Final = (
    "What it means",
    "What shops and customers see",
    "How to look",
    "What to do",
    "What not to do",
    "When it ends",
)
LABELS: Final = {
    *("job", "instance", "le", "merchant", "provider", "kind", "reason", "code", "lacking"),
    *("result", "what", "operation", "field", "invariant"),
}
OF_PROMETHEUS: Final = {"up", "process_cpu_seconds_total"}
FOLDER: Final = ROOT / "docs" / "runbooks"
PAGES: Final = tuple(page for page in RUNBOOKS if page.stem != "README")
_METRIC: Final = re.compile(r"\b(?:ordersaga_\w+|up|process_\w+)\b")
_LABELS: Final = re.compile(r"\bby \(([^)]*)\)|\{([^}]*)\}")
_SUFFIX: Final = re.compile(r"_(?:bucket|count|sum)$")


def alerts() -> dict[str, Json]:
    groups = yaml.safe_load((ROOT / "helm" / "ordersaga" / "alerts.yaml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def queries() -> list[str]:
    return [query.strip() for document in OF_OPERATORS for query in runnable(document, "promql")]


def refusal(command: str) -> str | None:
    """Why it couldn't be run as it stands; None: it could."""
    try:
        app.parse_args(shlex.split(command)[1:], exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return str(error)
    return None


def test_each_alert_has_its_page_and_each_page_its_alert() -> None:
    assert {page.stem for page in PAGES} == alerts().keys()


def test_each_alert_leads_to_its_page() -> None:
    for name, alert in alerts().items():
        assert alert["annotations"]["runbook_url"] == f"docs/runbooks/{name}.md"
        assert (ROOT / alert["annotations"]["runbook_url"]).is_file()


def test_the_list_has_every_page_once() -> None:
    listed = [link for link in links(FOLDER / "README.md") if re.fullmatch(r"Ordersaga\w+\.md", link)]
    assert sorted(set(listed)) == sorted(page.name for page in PAGES)
    rows = re.findall(
        r"^\| \[(\w+)\]\(\w+\.md\) \| (\w+) \| (.+) \|$", (FOLDER / "README.md").read_text(), re.MULTILINE
    )
    assert rows == [(name, one["labels"]["severity"], one["annotations"]["summary"]) for name, one in alerts().items()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_all_that_is_needed_at_night(page: Path) -> None:
    text, alert = page.read_text(), alerts()[page.stem]
    title, _, rest = text.partition("\n\n")
    assert title == f"# {page.stem}"
    assert rest.startswith(f"{alert['annotations']['summary']} ({alert['labels']['severity']}).\n")
    assert tuple(re.findall(r"^## (.+)$", text, re.MULTILINE)) == HEADINGS
    assert len(anchors(page)) == 1 + len(HEADINGS)
    looks = text.partition("## How to look\n")[2].partition("\n## ")[0]
    metrics = set(_METRIC.findall(alert["expr"]))
    assert metrics & set(_METRIC.findall(looks)), "the query of the alert is the first to look at"


@pytest.mark.parametrize("document", OF_OPERATORS, ids=name_of)
def test_every_command_has_the_options_that_are_given(document: Path) -> None:
    blocks = [one.text for one in examples(document) if one.language == "sh"]
    commands = [
        found for text in blocks for found in re.findall(r"^(?:kubectl .* -- )?(ordersaga .+)$", text, re.MULTILINE)
    ]
    commands = [re.sub(r"\$(?:OTHER_)?LETTER\b", "00000000-0000-0000-0000-000000000000", one) for one in commands]
    commands = [one.replace("$ATTENTION", "1") for one in commands]
    assert {one: why for one in commands if (why := refusal(one))} == {}


@pytest.mark.parametrize(
    "command",
    ["ordersaga order list --overdue", "ordersaga pause --merchants x", "ordersaga order explain", "ordersaga orders"],
)
def test_a_command_that_isnt_one_is_seen(command: str) -> None:
    assert refusal(command)


def test_every_metric_and_label_is_one() -> None:
    explained = set(_METRIC.findall(OPERATORS.read_text())) | OF_PROMETHEUS  # those are compared with what is served
    for query in queries():
        assert {_SUFFIX.sub("", name) for name in _METRIC.findall(query)} <= explained, query
        for grouped, selected in _LABELS.findall(query):
            names = re.findall(r"\w+", grouped) or re.findall(r"(\w+)=", selected)
            assert set(names) <= LABELS, query


@pytest.mark.chart
def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries())]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = programs.run(programs.promtool(), "check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr
