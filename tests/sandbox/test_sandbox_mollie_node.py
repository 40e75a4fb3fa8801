"""With `@mollie/api-client`, Mollie's own client for Node.js, over https."""

from collections.abc import Iterator

import pytest

from downloads import needs_node, node_packages
from ordersaga_local.tls import Certificates
from ordersaga_sandbox import Tls, running

from .clients.programs import FOLDER, Report, checks_of

PROGRAM = FOLDER / "mollie_node.mjs"

pytestmark = needs_node


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Report]:
    packages = node_packages("clients/mollie-node", FOLDER / "mollie-node" / "package.json")
    certificates = Certificates.made(tmp_path_factory.mktemp("tls"))
    with running(tls=Tls(certificates.server, certificates.key)) as url:
        # the client trusts its own list of authorities only
        yield Report.of(["node", PROGRAM, packages, url], {"NODE_TLS_REJECT_UNAUTHORIZED": "0"})


@pytest.mark.parametrize("check", checks_of(PROGRAM))
def test_it_gets_what_mollie_documents(report: Report, check: str) -> None:
    report.require(check)
