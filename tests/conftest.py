"""The real parts, started when the first test asks for them and shared by all."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterator

import pytest

from ordersaga_local import parts
from ordersaga_local.admin import create_database, drop_database

Say = Callable[[str], None]


def pytest_configure() -> None:
    """Started by a shell in the background, pytest ignores SIGINT, and so would the processes that the tests interrupt."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


Report = pytest.TestReport | pytest.CollectReport
Reporting = Generator[None, Report, Report]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Reporting:
    return _in_ci_no_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Reporting:
    return _in_ci_no_skip((yield))


def _in_ci_no_skip(report: Report) -> Report:
    """Where CI is set, what a test lacks is a failure."""
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.longrepr = f"fails since CI is set. {reason}"
    return report


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Say:
    """A line on the terminal itself: which parts a run took belongs to its result."""
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    capture = request.config.pluginmanager.get_plugin("capturemanager")

    def write(line: str) -> None:
        if reporter is not None and capture is not None:
            with capture.global_and_fixture_disabled():
                reporter.ensure_newline()
                reporter.write_line(line)

    return write


@pytest.fixture(scope="session")
def kafka(say: Say) -> Iterator[parts.Kafka]:
    with parts.kafka(say) as found:
        yield found


@pytest.fixture(scope="session")
def postgres(say: Say) -> Iterator[parts.Postgres]:
    with parts.postgres(say=say) as found:
        yield found


@pytest.fixture(scope="session")
async def migrated(postgres: parts.Postgres) -> AsyncIterator[str]:
    """The name of a database with the newest schema and nothing in it, to copy from."""
    from ordersaga.store.migrations import upgrade

    name = _unique("template")
    await create_database(postgres.url(), name)
    await asyncio.to_thread(upgrade, postgres.url(name))
    yield name
    await drop_database(postgres.url(), name)


@pytest.fixture
async def database(postgres: parts.Postgres, migrated: str) -> AsyncIterator[str]:
    """The URL of a database of the test's own, with the newest schema."""
    name = _unique("test")
    await create_database(postgres.url(), name, template=migrated)
    yield postgres.url(name)
    await drop_database(postgres.url(), name)


@pytest.fixture
def topic_name() -> Callable[[str], str]:
    """Makes a topic's name into one of this test's own, the same each time it is asked."""
    suffix = uuid.uuid4().hex[:8]
    return lambda base: f"{base}-{suffix}"


def _unique(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex[:12]}"
