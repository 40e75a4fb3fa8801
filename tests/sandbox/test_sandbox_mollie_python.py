"""With `mollie-api-python`, Mollie's own client in Python."""

import sys
from collections.abc import Iterator

import pytest

from downloads import python_packages
from ordersaga_sandbox import running

from .clients.programs import FOLDER, Report, checks_of

PROGRAM = FOLDER / "mollie_python.py"


@pytest.fixture(scope="module")
def report() -> Iterator[Report]:
    packages = python_packages("clients/mollie-api-python", FOLDER / "mollie-api-python.lock")
    with running() as url:
        # -S: without the packages of the tests, which would mix with the client's
        yield Report.of([sys.executable, "-S", PROGRAM, url], {"PYTHONPATH": str(packages)})


@pytest.mark.parametrize("check", checks_of(PROGRAM))
def test_it_gets_what_mollie_documents(report: Report, check: str) -> None:
    report.require(check)
