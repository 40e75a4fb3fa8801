"""contracts/openapi.yaml describes what is served."""

import re
from pathlib import Path
from typing import Any, Final

import yaml
from starlette.routing import Route

from ordersaga.addresses import OPERATION, Addresses
from ordersaga.config.parts import PROVIDERS
from ordersaga.providers.klarna import callbacks
from ordersaga.providers.klarna import notifications as klarna
from ordersaga.providers.mollie import notifications as mollie
from ordersaga.web.callbacks import LARGEST as LARGEST_CALLBACK
from ordersaga.web.callbacks import Callbacks
from ordersaga.web.collector import HintCollector
from ordersaga.web.health import Health, health_app
from ordersaga.web.notifications import LARGEST, Notifications

DOCUMENT: Final[dict[str, Any]] = yaml.safe_load((Path(__file__).parents[2] / "contracts" / "openapi.yaml").read_text())
NOTIFY: Final = DOCUMENT["paths"]["/notify/{secret}/{provider}/{merchant}/{what}"]["post"]


class NoStore:
    async def hint(self, given: object) -> list[bool]:
        raise AssertionError(given)


def served() -> dict[str, set[tuple[str, str]]]:
    """(path, method) by tag."""
    notifications = Notifications((), {}, Addresses(["x" * 32]), HintCollector(NoStore()), Callbacks({})).app()
    apps = {"health": health_app(Health()), "notifications": notifications}
    found = {}
    for tag, app in apps.items():
        routes = [route for route in app.routes if isinstance(route, Route)]
        assert len(routes) == len(app.routes)
        found[tag] = {
            (re.sub(r":\w+}", "}", route.path), method.lower())
            for route in routes
            for method in (route.methods or set()) - {"HEAD"}
        }
    return found


def test_what_is_described_is_served_and_nothing_else() -> None:
    described: dict[str, set[tuple[str, str]]] = {tag["name"]: set() for tag in DOCUMENT["tags"]}
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            (tag,) = operation["tags"]
            described[tag].add((path, method))
    assert described == served()


def test_the_parameters_of_notifications_are_those_that_are_read() -> None:
    parameters = {(one["in"], one["name"]): one["schema"] for one in NOTIFY["parameters"]}
    in_path = re.findall(r"{(\w+)}", "/notify/{secret}/{provider}/{merchant}/{what}")
    assert {name for where, name in parameters if where == "path"} == {*in_path}
    assert parameters["path", "provider"]["enum"] == [*PROVIDERS]
    assert parameters["path", "what"]["enum"] == [*klarna.KINDS, *callbacks.KINDS, *mollie.KINDS]
    assert {name for where, name in parameters if where == "query"} == {klarna.ORDER, klarna.PUSH_ORDER, OPERATION}
    limits = f"At most {LARGEST // 1024} KiB; of a callback at most {LARGEST_CALLBACK // 1024**2} MiB"
    assert limits in NOTIFY["requestBody"]["description"]


def test_every_reference_resolves() -> None:
    for name in re.findall(r"'\$ref': '#/([^']+)'", str(DOCUMENT)):
        found: Any = DOCUMENT
        for part in name.split("/"):
            found = found[part]
        assert found["description"]
