"""The settings, roles, metrics and alerts in the chart exist. Needs no helm."""

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import jsonschema
import pytest

from docs.documents import OPERATORS, rows
from ordersaga.cli.wiring import ROLES
from ordersaga.config.fields import ANY, Setting, all_settings, name_of
from ordersaga.config.settings import Settings
from ordersaga.config.sources import CONFIG, SECRETS_DIR
from ordersaga.providers.klarna.callbacks import KINDS as CALLBACKS
from ordersaga.providers.klarna.notifications import KINDS as NOTIFICATIONS
from ordersaga.telemetry.metrics import INVARIANTS
from ordersaga.web.health import LIVE, READY, STARTUP

from .chart import CHART, EXAMPLES, Json, merged, schema, values_of

THE_CHARTS_OWN = {("instance",), ("metrics_port",)}
_PORT = "The port for the providers' notifications. Without it, the role web doesn't run."
_METRIC = re.compile(r"\bordersaga_[a-z_]+")
_JOB = re.compile(r'\{job="ordersaga"\}|job="ordersaga",')


def places(of: Json, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all settings in a schema."""
    for name, one in of.get("properties", {}).items():
        yield from places(one, (*place, name))
    if isinstance(of.get("additionalProperties"), dict):
        yield from places(of["additionalProperties"], (*place, ANY))
    if of["type"] != "object":
        yield place


def nested(setting: Setting) -> Json:
    """Values that set it."""
    *parents, last = (part.replace(ANY, "default") for part in setting.path)
    settings: Json = {last: "x"}
    for name in reversed(parents):
        settings = {name: settings}
    return {"settings": settings}


def refusals(values: Json) -> list[str]:
    made = merged(values_of(CHART / "values.yaml"), values)
    return [error.message for error in jsonschema.Draft7Validator(schema()).iter_errors(made)]


def alerts() -> list[Json]:
    return list(chain.from_iterable(group["rules"] for group in values_of(CHART / "alerts.yaml")["groups"]))


def test_every_setting_that_is_not_secret_can_be_given_and_no_other() -> None:
    given = {place for place in places(schema()["properties"]["settings"]) if place}
    settings = {one.path for one in all_settings() if not one.secret} - THE_CHARTS_OWN
    assert given == settings - {("merchants",)}


def descriptions(of: Json, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Of all settings in a schema that have one."""
    for name, one in of.get("properties", {}).items():
        yield from descriptions(one, (*place, name))
    if isinstance(of.get("additionalProperties"), dict):
        yield from descriptions(of["additionalProperties"], (*place, ANY))
    if of["type"] != "object" and "description" in of:
        yield place, of["description"]


def test_the_schema_describes_each_setting_as_the_service_does() -> None:
    """But for ports: where the chart makes the address, none can be left to the system."""
    ours = {one.path: one.description for one in all_settings()} | {("web", "port"): _PORT}
    for place, description in descriptions(schema()["properties"]["settings"]):
        assert description == ours[place], place


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_fit_the_schema(example: Path) -> None:
    assert refusals(values_of(example)) == []


def test_what_has_no_default_must_be_given() -> None:
    refused = " ".join(refusals({}))
    assert "'kafka'" in refused
    assert "'merchants'" in refused
    assert len(refusals({})) == 4  # the image and the Secrets too


@pytest.mark.parametrize("secret", [one for one in all_settings() if one.secret], ids=lambda one: one.name)
def test_a_secret_among_the_settings_is_refused(secret: Setting) -> None:
    example = values_of(EXAMPLES[0])
    assert refusals(merged(example, nested(secret)))


@pytest.mark.parametrize("name", ["Gifts", "a__b", "_a", ""])
def test_a_merchant_whose_password_no_file_could_bring_is_refused(name: str) -> None:
    account = {"klarna": {"username": "K1"}}
    assert refusals(merged(values_of(EXAMPLES[0]), {"settings": {"merchants": {name: account}}}))


@pytest.mark.parametrize(
    ("merchant", "fits"),
    [
        ({"klarna": {"username": "K1"}}, True),
        ({"mollie": {}}, True),  # its key is in a Secret
        ({"klarna": {"username": "K1"}, "mollie": {"slots": 8}}, True),
        ({}, False),
        ({"klarna": {}}, False),
        ({"mollie": {"api_key": "live_1"}}, False),
    ],
)
def test_a_merchant_has_an_account_with_one_provider_at_least(merchant: Json, *, fits: bool) -> None:
    assert fits is not bool(
        refusals(merged(values_of(EXAMPLES[0]), {"settings": {"merchants": {"another": merchant}}}))
    )


def test_no_values_hold_a_secret_by_default() -> None:
    values = values_of(CHART / "values.yaml")
    assert (values["settings"], values["secrets"], values["files"], values["extraEnv"]) == ({}, [], [], [])


def test_the_variables_in_the_templates_are_settings() -> None:
    named = set(re.findall(r"\bORDERSAGA_\w+", "".join(path.read_text() for path in CHART.glob("templates/*"))))
    settings = (["metrics_port"], ["shutdown_timeout"], ["web"], ["web", "port"])
    assert named == {CONFIG, SECRETS_DIR, *map(name_of, settings)}


def test_the_roles_are_those_of_the_service() -> None:
    assert set(values_of(CHART / "values.yaml")["roles"]) == {"all", *ROLES}


def test_the_probes_ask_for_what_each_process_serves() -> None:
    template = (CHART / "templates" / "deployment.yaml").read_text()
    probes = re.findall(r"(\w+)Probe:\n +httpGet: \{path: (\S+), port: metrics\}", template)
    assert probes == [("startup", STARTUP), ("liveness", LIVE), ("readiness", READY)]


def test_the_time_to_stop_and_the_topics_are_the_services_own_by_default() -> None:
    fields, texts = Settings.model_fields, {path.name: path.read_text() for path in CHART.glob("templates/*")}
    assert f'"shutdown_timeout" {fields["shutdown_timeout"].default:g} ' in texts["deployment.yaml"]
    for name in ("orders_topic", "outcomes_topic"):
        assert f'dig "{name}" "{fields[name].default}" ' in texts["NOTES.txt"]


def leaves(values: Json, place: tuple[str, ...] = ()) -> Iterator[tuple[str, object]]:
    """The values that the README lists; all roles have the same."""
    for name, value in values.items():
        if not isinstance(value, dict) or not value or name in {"resources", "labels"}:
            yield ".".join((*place, name)), value
        elif (*place, name) == ("roles",):
            assert all(role == value["all"] for role in value.values())
            yield from leaves(value["all"], ("roles", "ROLE"))
        else:
            yield from leaves(value, (*place, name))


def test_the_table_of_values_is_that_of_the_chart() -> None:
    listed = {cells[0].strip("`"): cells[1] for cells in list(rows(CHART / "README.md", "Values"))[1:]}
    values = dict(leaves(values_of(CHART / "values.yaml")))
    assert list(listed) == list(values)
    for name, value in values.items():
        assert listed[name] in {f"`{json.dumps(value)}`", "see [values.yaml](values.yaml)"}, name


# alerts


def test_the_alerts_are_those_that_the_operators_are_told_of() -> None:
    def told(cells: list[str]) -> tuple[str, str]:
        expression = re.findall(r"`([^`]+)`", cells[0])[0]
        minutes = re.search(r"for (\d+) minutes", cells[0])
        return expression, f"{minutes[1]}m" if minutes else ""

    def ours(alert: Json) -> tuple[str, str]:
        expression = re.sub(r'\{invariant="I\d+"\}', "", _JOB.sub("", alert["expr"]))
        return expression, alert.get("for", "")

    assert {ours(alert) for alert in alerts()} == {
        told(cells) for cells in list(rows(OPERATORS, "Metrics and alerts"))[1:]
    }


def test_each_promise_has_an_alert_of_its_name() -> None:
    expressions = {alert["alert"]: alert["expr"] for alert in alerts()}
    for name in INVARIANTS:
        assert f'invariant="{name}"' in expressions[f"Ordersaga{name}"]


def test_every_metric_of_an_alert_is_one_and_of_the_job() -> None:
    explained = set(_METRIC.findall(OPERATORS.read_text()))  # a test compares these with the metrics that are served
    for alert in alerts():
        assert set(_METRIC.findall(alert["expr"])) <= explained, alert["alert"]
        assert alert["expr"].count('{job="ordersaga"') == 1, alert["alert"]


def test_the_alert_of_callbacks_is_for_all_their_kinds_and_for_no_notification() -> None:
    (expression,) = (one["expr"] for one in alerts() if one["alert"] == "OrdersagaCallbacksUnanswered")
    assert f'what=~"{"|".join(CALLBACKS)}"' in expression
    assert not set(CALLBACKS) & set(NOTIFICATIONS)


def test_each_promise_is_explained_to_the_operators() -> None:
    explained = [cells[0].strip("`") for cells in rows(OPERATORS, "Invariant violations")][1:]
    assert explained == list(INVARIANTS)
