"""What the documents name is in the code: settings, commands, codes, log lines, times."""

import ast
import json
import os
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from inspect import signature
from pathlib import Path
from typing import get_args
from uuid import UUID

import pytest

from ordersaga.bus.cloudevents import Code
from ordersaga.bus.schemas import types
from ordersaga.cli import app, main
from ordersaga.config.fields import all_settings
from ordersaga.config.sources import CONFIG, SECRETS_DIR
from ordersaga.domain import saga
from ordersaga.domain.model.events import TYPES
from ordersaga.domain.model.order import Status
from ordersaga.domain.model.terms import Rules
from ordersaga.intake.inputs import ANSWERED
from ordersaga.providers.klarna.terms import KlarnaTerms
from ordersaga.providers.mollie.terms import MollieTerms
from ordersaga_local.accounts import Expected

from .documents import (
    ALL,
    CONTRIBUTORS,
    EVIDENCE,
    OPERATIONS,
    OPERATORS,
    OURS,
    README,
    ROOT,
    SETTINGS,
    code,
    examples,
    first_column,
    name_of,
    rows,
)

SERVICE = ROOT / "service" / "ordersaga"
_SETTING = re.compile(r"\bORDERSAGA_[A-Z][A-Z_]*(?:<NAME>[A-Z_]+)?")
_COMMAND = re.compile(r"(?:^|[ /])ordersaga ((?:[a-z][a-z-]+)(?: [a-z][a-z-]+)?)", re.MULTILINE)
_MAKE = re.compile(r"\bmake ([a-z][a-z-]*)")
_BY_DATABASE = {"unreadable", "settle: …"}  # attentions of a row that can't be settled


@cache
def modules() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in sorted(SERVICE.rglob("*.py"))}


def texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def assigned(name: str, within: ast.AST) -> set[str]:
    """The texts in what is assigned to that name."""
    found: set[str] = set()
    for node in ast.walk(within):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                found |= set(texts(node.value))
    return found


def attentions_of(module: ast.Module) -> Iterator[str]:
    """The reasons with which its functions raise an attention."""
    for function in (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)):
        for node in ast.walk(function):
            if not isinstance(node, ast.Call) or len(node.args) < 2:
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            reason = node.args[1]
            if called in {"raise_attention", "_raise_once"}:
                yield from texts(reason)
                if isinstance(reason, ast.Name):
                    yield from assigned(reason.id, function) or assigned(reason.id, module)


def attentions() -> set[str]:
    return {one for path, module in modules().items() if "domain" in path.parts for one in attentions_of(module)}


def codes_of(module: ast.Module) -> Iterator[str]:
    """With which its functions refuse."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"Refusal", "Refused"} and node.args:
            yield from assigned(node.args[0].id, module) if isinstance(node.args[0], ast.Name) else texts(node.args[0])


@pytest.mark.parametrize("document", ALL, ids=name_of)
def test_every_setting_is_one(document: Path) -> None:
    known = {one.name for one in all_settings()} | {CONFIG, SECRETS_DIR}
    named = {name.rstrip("_") for name in _SETTING.findall(document.read_text())}
    assert {name for name in named if name not in known and "MERCHANTS__DEFAULT" not in name} == set()


@pytest.mark.parametrize("document", ALL, ids=name_of)
def test_every_command_is_one(document: Path) -> None:
    for words in _COMMAND.findall(code(document)):
        first, _, second = words.partition(" ")
        assert first in set(app), words
        further = {name for name in app[first] if not name.startswith("-")}
        assert not further or second in further, words


def test_make_help_lists_the_targets() -> None:
    said = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = {line.split()[1] for line in said.splitlines() if line.startswith("  make ")}
    tests = {"test", "test-all", "test-long", "chart-test", "cluster-test", "cluster-fake"}
    assert listed - {"help", "lock"} == {"setup", "demo", "up", *tests, "lint", "bench"}
    named = {target for document in ALL for target in _MAKE.findall(code(document))}
    assert named - listed == set()


def test_every_attention_is_explained() -> None:
    assert first_column(OPERATORS, "Attentions") == attentions() | _BY_DATABASE


def test_every_code_of_dead_letters_is_explained() -> None:
    by_intake = {"id_reused", "too_old", "internal_error"}
    assert by_intake <= {text for module in modules().values() for text in texts(module)}
    codes = set(get_args(Code)) - ANSWERED | {"invalid_event"} | by_intake
    assert first_column(OPERATORS, "Dead letters") == codes


def test_the_outcomes_and_statuses_are_those_of_the_contract() -> None:
    outcomes = re.findall(r"payments\.order\.(\w+)\.v1", (ROOT / "contracts/schemas/outcome.json").read_text())
    codes = {"invalid_event"}
    assert first_column(OPERATORS, "What an outcome means") - codes <= set(outcomes)
    said = OPERATORS.read_text().partition("status means\n")[2].partition("\n#")[0]
    named = set(re.findall(r"`(\w+)`", said))
    assert named == set(get_args(Status))


def test_the_codes_of_rejections_are_those_of_the_contract() -> None:
    schema = json.loads((ROOT / "contracts/schemas/outcome.json").read_text())
    listed = set(schema["$defs"]["error_code"]["enum"])
    said = {code for path, module in modules().items() if "domain" in path.parts for code in codes_of(module)}
    assert {"no_answer", "settled_by_hand"} <= said
    not_listed = {
        "ambiguous",
        "another_order",
        "order_",
        "READ_ONLY_ORDER",
    }  # reasons of attentions; the provider's words
    assert said - listed == not_listed
    assert "internal_error" in listed


def test_every_log_line_is_written_somewhere() -> None:
    written = {text for module in modules().values() for text in texts(module)}
    assert first_column(OPERATORS, "Logs") - written == set()


def test_no_event_type_of_the_contract_is_missing() -> None:
    assert types() == TYPES.keys()


def test_the_times_of_evidence_are_the_defaults() -> None:
    defaults = {one.name: one.default for one in all_settings()}
    table = list(rows(EVIDENCE, "The times together"))
    named = {name: cells[1] for cells in table for name in _SETTING.findall(" ".join(cells))}
    assert len(named) >= 7
    assert [name for name, cell in named.items() if (defaults[name] or "") not in cell] == []
    said = EVIDENCE.read_text()
    assert KlarnaTerms().key_seconds("capture") == 23 * 3600
    assert "23 h of Klarna's 24" in said
    assert MollieTerms().key_seconds("create_order_to_pay") == 45 * 60
    assert "45 min of Mollie's 60" in said
    assert Rules({}).refund_poll == 4 * 3600
    assert "every 4 hours" in said
    assert KlarnaTerms().key_seconds("create_order") == 55 * 60
    assert "55 min of 60" in said
    repeats = Rules({}).create_repeats
    assert f"until {repeats + 1} responses were lost" in said
    assert f"until {2 * repeats + 1} responses were lost" in said
    assert f"| {repeats + 1}; before an attention is raised {2 * repeats + 1} |" in said


def test_the_demos_figures_are_those_of_the_sample() -> None:
    expected = Expected.load(ROOT / "sample" / "expected.json.gz")
    said = README.read_text()
    assert f"publishes {expected.whole['events']:,} events" in said
    assert f"{len(expected.events(final=True))}/{len(expected.events(final=True))}" in said
    for account, columns in expected.money().items():
        section = said[said.index(f"│ {' '.join(account)} ") :]
        for name, figure in columns.items():
            row = next(line for line in section.splitlines() if line.startswith(f"│ {name} "))
            assert row.count(f" {figure:,} ") == 4


def test_the_three_functions_are_as_described() -> None:
    said = CONTRIBUTORS.read_text()
    for function in (saga.accept, saga.next_call, saga.settle):
        arguments = ", ".join(signature(function).parameters)
        assert f"`{function.__name__}({arguments}) -> " in said


def test_blocks_that_are_no_examples_are_told_apart() -> None:
    languages = {one.language for document in OURS for one in examples(document)}
    assert languages <= {"sh", "sql", "promql", "text"}
    assert [one for document in (EVIDENCE, CONTRIBUTORS) for one in examples(document)] == []


def test_the_figures_of_sizing_are_the_defaults() -> None:
    defaults = {one.name: one.default for one in all_settings()}
    said = {name: cells[1] for cells in rows(OPERATIONS, "Slots") for name in _SETTING.findall(cells[0])}
    figures = {name: found for name, cell in said.items() if (found := re.match(r"(\d+)( days)?", cell))}
    assert len(figures) >= 5
    for name, found in figures.items():
        assert int(found[1]) * (86_400 if found[2] else 1) == int(defaults[name] or 0), name


def needs() -> Iterator[tuple[str, set[str]]]:
    """Commands and the settings that they are said to need."""
    section = " ".join(SETTINGS.read_text().partition("## What a command needs")[2].partition("\n## ")[0].split())
    for commands, settings in re.findall(r"((?:`[a-z][a-z -]+`(?:, | and )?)+) needs? ((?:`\w+`(?: and )?)+)", section):
        for command in re.findall(r"`(.+?)`", commands):
            yield command, set(re.findall(r"`(.+?)`", settings))


@pytest.mark.parametrize(("command", "needed"), list(needs()), ids=[command for command, _ in needs()])
def test_a_command_needs_what_is_said(
    command: str, needed: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("ORDERSAGA_")]:
        monkeypatch.delenv(name)
    arguments = {
        "publish": ["-"],
        "order show": ["1"],
        "attention show": ["1"],
        "dead-letters show": [str(UUID(int=0))],
    }
    with pytest.raises(SystemExit):
        main([*command.split(), *arguments.get(command, [])])
    assert {line.split()[0] for line in capsys.readouterr().err.splitlines()} == needed


def test_a_dead_letter_is_decided_by_all_the_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("ORDERSAGA_")]:
        monkeypatch.delenv(name)
    assert "`dead-letters`" not in {f"`{command}`" for command, _ in needs()}
    for word in ("replay", "discard"):
        with pytest.raises(SystemExit):
            main(["dead-letters", word, str(UUID(int=0)), *(["--yes"] if word == "discard" else [])])
        assert "ORDERSAGA_MERCHANTS is missing" in capsys.readouterr().err
