"""The commands in the documents do what the documents say, on real Kafka and Postgres, against the sandbox."""

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from ordersaga.cli import main
from ordersaga_local.parts import Kafka, Parts, Postgres
from ordersaga_local.process import free_port
from ordersaga_local.stage import Sandbox, Stage, stage

from .documents import ALL, OF_OPERATORS, OPERATIONS, OPERATORS, README, RUNBOOKS, examples, name_of, runnable

_SETTING = re.compile(r"export (ORDERSAGA_\w+)=")
_SERVICE = re.compile(r"(?:\w+=\S+ )*ordersaga run\b")
_METRIC = re.compile(r"\bordersaga_[a-z_]+")
_MODULES = {"ordersaga_local", "ordersaga_sandbox"}
_PROGRAMS = Path(sys.executable).parent
_OF_OTHERS = {"docs/sandbox.md", "docs/settings.md", "docs/performance.md"}
_NEEDS_CURL = pytest.mark.skipif(shutil.which("curl") is None, reason="an example needs curl")
_START = """\
set -eu
SERVICES=
trap 'kill $SERVICES 2>/dev/null || true; wait' EXIT
serve() {  # in the background, until it runs
  log=$(mktemp "$PWD/service.XXXXXX")
  env -u ORDERSAGA_METRICS_PORT "$@" 2> "$log" &
  SERVICES="$SERVICES $!"
  for _ in $(seq 200); do
    if grep -q '"running"' "$log"; then return; fi
    sleep 0.1
  done
  cat "$log" >&2
  return 1
}
rest() {
  kill $SERVICES 2>/dev/null || true
  wait
  SERVICES=
}
"""

Staged = tuple[Stage, Sandbox]
Said = Mapping[Path, Future[str]]
Json = dict[str, Any]


def script_of(document: Path) -> tuple[str, set[str]]:
    """Its examples in one script, without the settings that it exports; and the names of those."""
    lines, settings = [_START], set()
    for text in runnable(document):
        for line in text.splitlines():
            if exported := _SETTING.match(line):
                settings.add(exported[1])
            else:
                lines.append(f"serve {line}" if _SERVICE.match(line) else line)
        if document != README:  # whose service is for all that follows
            lines.append("rest")
    return "\n".join(lines), settings


def run(document: Path, folder: Path, environment: Mapping[str, str]) -> str:
    """What its examples print, run as they stand."""
    script, _ = script_of(document)
    path = f"{_PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, **environment, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, f"{name_of(document)}: {done.stdout}{done.stderr}"
    return done.stdout


def until(found: Callable[[], Any], seconds: float = 20) -> Any:
    """What it finds, as soon as that is something."""
    deadline = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < deadline, "it doesn't come"
        time.sleep(0.1)
    return result


@pytest.fixture(scope="module")
def parts(kafka: Kafka, postgres: Postgres) -> Parts:
    return Parts(kafka, postgres)


@pytest.fixture(scope="module")
def empty(parts: Parts) -> Iterator[Staged]:
    """A database without tables, and no service."""
    with stage(parts, template="template1", merchants=("default",)) as staged:
        yield staged


@pytest.fixture(scope="module")
def running(parts: Parts, migrated: str) -> Iterator[Staged]:
    """A service that serves its metrics at ORDERSAGA_METRICS_PORT."""
    port = str(free_port())
    with stage(parts, template=migrated, merchants=("default",), settings={"ORDERSAGA_METRICS_PORT": port}) as staged:
        staged[0].service()
        yield staged


@pytest.fixture(scope="module")
def said(empty: Staged, running: Staged, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Said]:
    """What the examples of each document print; OPERATORS: those of both for operators, while the README's run."""

    def by_operators() -> str:
        folder = tmp_path_factory.mktemp("operators")
        environment = {**running[0].environment, **_prepared(running[0], folder)}
        return run(OPERATORS, folder, environment) + run(OPERATIONS, folder, environment)

    def by_newcomers() -> str:
        return run(README, tmp_path_factory.mktemp("newcomers"), empty[0].environment)

    with ThreadPoolExecutor(2) as pool:
        yield {OPERATORS: pool.submit(by_operators), README: pool.submit(by_newcomers)}


def _prepared(made: Stage, folder: Path) -> dict[str, str]:
    """An order, two dead letters and the repaired data of one; the variables that name them."""
    placed = _placed(folder)
    (folder / "repaired.json").write_text(json.dumps(placed["data"]))
    _publish(made, folder, [placed, _event("bad-1", "2001", {}), _event("bad-2", "2002", {})])
    letters = until(lambda: found if len(found := _look(made, "SELECT subject, id FROM dead_letters")) == 2 else None)
    ids = {subject: str(letter) for subject, letter in letters}
    return {"ORDER": "1001", "LETTER": ids["2001"], "OTHER_LETTER": ids["2002"], "USER": "somebody"}


@pytest.mark.parametrize("document", [one for one in ALL if name_of(one) not in _OF_OTHERS], ids=name_of)
def test_every_example_is_run_or_says_why_not(document: Path) -> None:
    commands = [one for one in examples(document) if one.language in {"sh", "bash", "console", "sql"}]
    assert document in {README, *OF_OPERATORS} or not [one for one in commands if one.not_run is None]


def test_the_settings_of_the_readme_are_all_that_is_required(empty: Staged) -> None:
    made, _ = empty
    _, exported = script_of(README)
    for name in exported:
        others = {key: value for key, value in made.environment.items() if key in exported and key != name}
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ORDERSAGA_")} | others
        command = made.ordersaga("settings")
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert done.stderr.startswith(f"{name} is missing")
        assert len(done.stderr.splitlines()) == 1


def test_a_newcomers_order_is_placed_and_captured_from_the_readme_alone(empty: Staged, said: Said) -> None:
    told = said[README].result()
    assert "was upgraded from nothing to" in told
    assert "2 events published" in told
    assert re.search(r"1001 +authorized +final +15\.30 GBP", told)
    assert re.search(r"1001 +captured +final +15\.30 GBP", told)
    assert "Order 1001 of merchant default" in told
    assert re.search(r"1002 +payment_pending", told)
    at_klarna = [effect for effect in empty[1].effects() if effect["provider"] == "klarna"]
    assert [(effect["kind"], effect["amount"]) for effect in at_klarna] == [("authorize", 1530), ("capture", 1530)]
    (paid,) = [one for one in empty[1].effects() if one["provider"] == "mollie" and one["kind"] == "authorize"]
    assert paid["amount"] == 2420


@_NEEDS_CURL
def test_what_operators_type_does_what_is_said(running: Staged, said: Said) -> None:
    told, (made, _) = said[OPERATORS].result(), running
    assert re.search(r"1001 +authorized +final", told)
    assert "Taken in, for order 2001 of merchant default." in told
    assert "somebody" in told
    assert "Nothing is paused." in told
    assert "Epoch 2" in told
    assert _look(made, "SELECT subject, state FROM dead_letters ORDER BY 1") == [
        ("2001", "replayed"),
        ("2002", "discarded"),
    ]
    [query] = [one for one in runnable(OPERATIONS, "sql") if "AS master_key" in one]
    [(master_key, rows)] = _look(made, query)
    assert (master_key, rows >= 4) == ("1", True)  # two dead letters, and the orders that were placed


def test_the_metrics_that_are_explained_are_those_that_are_served(running: Staged) -> None:
    made, _ = running
    url = f"http://127.0.0.1:{made.environment['ORDERSAGA_METRICS_PORT']}/metrics"
    served = until(lambda: names if "ordersaga_slots" in (names := _served(url)) else None)
    assert set(_METRIC.findall(OPERATORS.read_text())) - _MODULES == served


def test_a_paused_provider_gets_no_call(
    running: Staged, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said[OPERATORS].result()  # which resumes
    made, sandbox = running
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    status = "SELECT status FROM orders WHERE subject = '3001'"
    before = len(sandbox.requests())
    assert main(["pause", "--provider", "klarna"]) == 0
    time.sleep(1.5)  # what the intake hands over in memory heeds a pause within a second
    _publish(made, tmp_path, [{**_placed(tmp_path), "id": "3001-placed", "subject": "3001"}])
    until(lambda: _look(made, status))
    time.sleep(0.5)
    assert _look(made, status) == [("new",)]
    assert len(sandbox.requests()) == before
    assert main(["resume", "--provider", "klarna"]) == 0
    until(lambda: _look(made, status) == [("authorized",)])


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_the_commands_of_a_runbook_can_be_run(
    running: Staged, said: Said, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said[OPERATORS].result()
    made, _ = running
    [(letter,)] = _look(made, "SELECT id::text FROM dead_letters WHERE subject = '2001'")
    for name, value in {**made.environment, "ORDER": "1001", "LETTER": letter, "USER": "somebody"}.items():
        monkeypatch.setenv(name, value)
    for line in [line for text in runnable(page) for line in text.splitlines()]:
        program, *arguments = [os.path.expandvars(word) for word in shlex.split(line)]
        assert program == "ordersaga"
        assert main(arguments) == 0, line


@pytest.mark.parametrize("document", OF_OPERATORS, ids=name_of)
def test_the_sql_for_operators_is_understood(running: Staged, document: Path) -> None:
    for query in runnable(document, "sql"):
        _look(running[0], query)


def _event(name: str, subject: str, data: Json) -> Json:
    return {
        "specversion": "1.0",
        "type": "shop.order.placed.v1",
        "source": "/shop",
        "id": name,
        "subject": subject,
        "data": data,
    }


def _placed(folder: Path) -> Json:
    """The README's own event."""
    text = next(line for block in runnable(README) for line in block.splitlines() if "order.placed" in line)
    event: Json = json.loads(text.replace("$TOKEN", f"sbx-{folder.name}"))
    return event


def _publish(made: Stage, folder: Path, events: list[Json]) -> None:
    file = folder / "given.ndjson"
    file.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    made.command("publish", str(file))


def _served(url: str) -> set[str]:
    """Empty while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        return set()
    names = set(re.findall(r"^# TYPE (ordersaga_\w+)", text, re.MULTILINE))
    return {name for name in names if not name.endswith("_created")}


def _look(made: Stage, query: str) -> list[tuple[Any, ...]]:
    return asyncio.run(_rows(made.database, query))


async def _rows(database: str, query: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(database)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()
