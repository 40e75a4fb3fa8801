"""With `@crystallize/node-klarna`, a client that an agency wrote, over https."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ordersaga_local.tls import Certificates
from ordersaga_sandbox import Tls, running

from .clients.programs import FOLDER, Report, checks_of, node_packages

PROGRAM = FOLDER / "node_klarna.mjs"

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or shutil.which("npm") is None, reason="this client needs Node.js: no node or npm"
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Report]:
    packages: Path = node_packages(FOLDER / "node-klarna" / "package.json")
    certificates = Certificates.made(tmp_path_factory.mktemp("tls"))
    with running(tls=Tls(certificates.server, certificates.key)) as url:
        trusted = {"NODE_EXTRA_CA_CERTS": str(certificates.authority)}
        yield Report.of(["node", PROGRAM, packages, url], trusted)


@pytest.mark.parametrize("check", checks_of(PROGRAM))
def test_it_gets_what_it_expects(report: Report, check: str) -> None:
    report.require(check)
