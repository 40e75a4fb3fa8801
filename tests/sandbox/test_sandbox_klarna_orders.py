"""With `klarna-orders`, a client that was generated of Klarna's OpenAPI document of Payments v1."""

import sys
from collections.abc import Iterator

import pytest

from downloads import python_packages
from ordersaga_sandbox import running

from .clients.programs import FOLDER, Report, checks_of

PROGRAM = FOLDER / "klarna_orders.py"


@pytest.fixture(scope="module")
def report() -> Iterator[Report]:
    packages = python_packages("clients/klarna-orders", FOLDER / "klarna-orders.lock")
    with running() as url:
        # -S: without the packages of the tests, which would mix with the client's
        yield Report.of([sys.executable, "-S", PROGRAM, url], {"PYTHONPATH": str(packages)})


@pytest.mark.parametrize("check", checks_of(PROGRAM))
def test_it_gets_what_klarna_documents(report: Report, check: str) -> None:
    report.require(check)
