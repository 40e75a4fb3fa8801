"""With `@crystallize/node-klarna`, a client that an agency wrote, over https."""

from collections.abc import Iterator

import pytest

from downloads import needs_node, node_packages
from ordersaga_local.tls import Certificates
from ordersaga_sandbox import Tls, running

from .clients.programs import FOLDER, Report, checks_of

PROGRAM = FOLDER / "node_klarna.mjs"

pytestmark = needs_node


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Report]:
    packages = node_packages("clients/node-klarna", FOLDER / "node-klarna" / "package.json")
    certificates = Certificates.made(tmp_path_factory.mktemp("tls"))
    with running(tls=Tls(certificates.server, certificates.key)) as url:
        trusted = {"NODE_EXTRA_CA_CERTS": str(certificates.authority)}
        yield Report.of(["node", PROGRAM, packages, url], trusted)


@pytest.mark.parametrize("check", checks_of(PROGRAM))
def test_it_gets_what_it_expects(report: Report, check: str) -> None:
    report.require(check)
