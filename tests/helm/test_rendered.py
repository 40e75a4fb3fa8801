"""The manifests that helm renders from the chart."""

import base64
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import trustme
import yaml

from ordersaga.cli.wiring import ROLES
from ordersaga.config import DatabaseSettings, Settings, load
from ordersaga.config.sources import CONFIG, SECRETS_DIR

from . import programs
from .chart import CHART, EXAMPLES, Json

pytestmark = pytest.mark.chart
ONE, OPERATORS, SPLIT = EXAMPLES
LONGEST_FIELD: Final = 63

Loaded = Callable[[str], None]


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return programs.run(programs.helm(), *arguments)


def rendered(example: Path, *more: str, release: str = "pay") -> dict[str, Json]:
    """By kind and name."""
    done = helm("template", release, str(CHART), "--namespace", "money", "--values", str(example), *more)
    assert done.returncode == 0, done.stderr
    found = [one for one in yaml.safe_load_all(done.stdout) if one]
    made = {f"{one['kind']} {one['metadata']['name']}": one for one in found}
    assert len(made) == len(found)
    return made


def kinds(made: dict[str, Json]) -> set[str]:
    return {name.split()[0] for name in made}


def pods(made: dict[str, Json]) -> dict[str, Json]:
    return {
        name: one["spec"]["template"]["spec"] for name, one in made.items() if name.startswith(("Deployment ", "Job "))
    }


def labels(one: Json) -> Json:
    found: Json = one["spec"]["template"]["metadata"]["labels"]
    return found


def ports_of(pod: Json) -> set[str]:
    return {port["name"] for container in pod["containers"] for port in container["ports"]}


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """The files as in a pod: the secrets behind the symbolic links by which Kubernetes replaces them atomically."""
    key = base64.b64encode(bytes(32)).decode()
    always = {"database": "postgresql://saga:hunter2@db:5432/orders", "encryption_key": key}
    wanted = {
        "[merchants.default.klarna]": ("merchants__default__klarna__password", "hunter2"),
        "[merchants.default.mollie]": ("merchants__default__mollie__api_key", "live_hunter2hunter2hunter2hunter2hun"),
        "[merchants.gifts.klarna]": ("merchants__gifts__klarna__password", "hunter2"),
        "[merchants.bulbs.mollie]": ("merchants__bulbs__mollie__access_token", "access_hunter2"),
        "kafka_sasl": ("kafka_sasl_password", "hunter2"),
        "[web]": ("web__secrets", "w" * 32),
    }

    def give(config: str) -> None:
        for ca in ("kafka-ca.crt", "postgres-ca.crt"):
            trustme.CA().cert_pem.write_to_path(str(tmp_path / ca))
        file, folder = tmp_path / "ordersaga.toml", tmp_path / "secrets"
        file.write_text(config.replace("/etc/ordersaga/files", str(tmp_path)))
        (folder / "..2026").mkdir(parents=True)
        (folder / "..data").symlink_to("..2026")
        secrets = always | {name: value for word, (name, value) in wanted.items() if word in config}
        for name, value in secrets.items():
            (folder / "..2026" / name).write_text(f"{value}\n")
            (folder / name).symlink_to(f"..data/{name}")
        monkeypatch.setenv(CONFIG, str(file))
        monkeypatch.setenv(SECRETS_DIR, str(folder))

    return give


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_it_is_clean(example: Path) -> None:
    done = helm("lint", "--strict", str(CHART), "--values", str(example))
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_what_is_required_it_says_what_is_missing() -> None:
    done = helm("template", "pay", str(CHART))
    assert done.returncode != 0
    assert all(word in done.stderr for word in ("kafka", "merchants", "repository", "secrets"))


def test_one_deployment_has_all_roles_and_nothing_is_there_that_was_not_asked_for() -> None:
    made = rendered(ONE)
    assert pods(made)["Deployment pay-ordersaga-all"]["containers"][0]["args"] == ["run"]
    assert kinds(made) == {"ConfigMap", "Deployment", "Job", "Pod", "PodDisruptionBudget", "Service", "ServiceAccount"}
    assert len(pods(made)) == 2


def test_split_each_role_has_a_deployment_of_its_own() -> None:
    made = rendered(SPLIT)
    for role in ROLES:
        assert pods(made)[f"Deployment payments-{role}"]["containers"][0]["args"] == ["run", "--role", role]
    assert len(pods(made)) == 1 + len(ROLES)
    assert made["Deployment payments-relay"]["spec"]["replicas"] == 1
    assert "replicas" not in made["Deployment payments-worker"]["spec"], "the autoscaler has the say"
    scaler = made["HorizontalPodAutoscaler payments-worker"]["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 9)
    assert {"NetworkPolicy", "ServiceMonitor", "PrometheusRule"} <= kinds(made)
    ports = {role: pods(made)[f"Deployment payments-{role}"]["containers"][0]["ports"] for role in ROLES}
    assert [role for role in ROLES if {"name": "web", "containerPort": 8080} in ports[role]] == ["web"]
    assert made["Service payments-web"]["spec"]["ports"] == [{"name": "web", "port": 80, "targetPort": "web"}]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_service_takes_the_settings_as_they_are_rendered(example: Path, given: Loaded) -> None:
    made = rendered(example)
    config = next(one["data"]["ordersaga.toml"] for one in made.values() if "ordersaga.toml" in one.get("data", {}))
    given(config)
    settings, values = load(Settings), yaml.safe_load(example.read_text())["settings"]
    assert settings.kafka == values["kafka"]
    assert settings.database_url() == load(DatabaseSettings).database_url()
    for name, merchant in values["merchants"].items():
        accounts = settings.merchants[name].accounts
        assert {provider: account.slots for provider, account in accounts.items()} == {
            provider: account.get("slots", 64) for provider, account in merchant.items()
        }
        klarna, mollie = settings.merchants[name].klarna, settings.merchants[name].mollie
        secrets = (klarna and klarna.password, mollie and mollie.credential)
        assert ["hunter2" in one.get_secret_value() for one in secrets if one] == [True]
    assert settings.waits.shipment == values.get("waits", {}).get("shipment", 86_400)
    for name, pod in pods(made).items():
        if name.startswith("Deployment "):
            assert pod["terminationGracePeriodSeconds"] >= settings.shutdown_timeout + 5


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_pods_may_do_no_more_than_they_need(example: Path) -> None:
    made = rendered(example)
    (test,) = (one["spec"] for name, one in made.items() if name.startswith("Pod "))
    for pod in [*pods(made).values(), test]:
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
        assert {"requests", "limits"} == set(container["resources"])
        mounts = {mount["name"]: mount.get("readOnly", False) for mount in container.get("volumeMounts", [])}
        assert mounts.keys() == {volume["name"] for volume in pod.get("volumes", [])}
        assert {name for name, read_only in mounts.items() if not read_only} <= {"tmp"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_what_a_pod_refers_to_is_there_when_it_starts(example: Path) -> None:
    made, values = rendered(example), yaml.safe_load(example.read_text())
    kept = values.get("secrets", [])
    if example == OPERATORS:
        kept = [{"name": made["ExternalSecret pay-ordersaga-settings"]["spec"]["target"]["name"]}]
    hooks = {
        name: one
        for name, one in made.items()
        if one["metadata"].get("annotations", {}).get("helm.sh/hook") == "pre-install,pre-upgrade"
    }
    policy = {"NetworkPolicy"} if values.get("networkPolicy", {}).get("enabled") else set()
    assert kinds(hooks) == {"ConfigMap", "Job"} | policy | ({"ExternalSecret"} if example == OPERATORS else set())
    by_weight = sorted(hooks, key=lambda name: int(hooks[name]["metadata"]["annotations"]["helm.sh/hook-weight"]))
    assert by_weight[-1].startswith("Job "), "what it needs is there before it"
    for name, pod in pods(made).items():
        among = hooks if name in hooks else made
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert f"ConfigMap {volumes['config']['configMap']['name']}" in among
        assert [one["secret"] for one in volumes["secrets"]["projected"]["sources"]] == kept
        account = pod.get("serviceAccountName", "default")
        assert account == "default" or f"ServiceAccount {account}" in among


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_selectors_find_the_pods_that_they_mean(example: Path) -> None:
    made = rendered(example)
    deployed = {name: labels(one) for name, one in made.items() if name.startswith("Deployment ")}
    (job,) = [labels(one) for name, one in made.items() if name.startswith("Job ")]
    (test,) = [one["metadata"]["labels"] for name, one in made.items() if name.startswith("Pod ")]
    for name, one in made.items():
        match name.split()[0]:
            case "Deployment" | "PodDisruptionBudget":
                wanted = one["spec"]["selector"]["matchLabels"]
                found = {other for other, has in deployed.items() if wanted.items() <= has.items()}
                assert found == {f"Deployment {one['metadata']['name']}"}
            case "Service":
                wanted = one["spec"]["selector"]
                found = {other for other, has in deployed.items() if wanted.items() <= has.items()}
                web = {other for other in deployed if other.endswith("-web")}
                assert found == (web if name.endswith("-web") else deployed.keys())
            case "PodMonitor":
                wanted = one["spec"]["selector"]["matchLabels"]
                assert {other for other, has in deployed.items() if wanted.items() <= has.items()} == deployed.keys()
                (endpoint,) = one["spec"]["podMetricsEndpoints"]
                assert all(endpoint["port"] in ports_of(pod) for name, pod in pods(made).items() if name in deployed)
            case _:
                continue
        assert not wanted.items() <= job.items(), "a migration is no part of the service"
        assert not wanted.items() <= test.items(), "nor is a test"


def test_the_alerts_are_of_this_release_alone() -> None:
    made = rendered(SPLIT)
    plain = yaml.safe_load((CHART / "alerts.yaml").read_text())
    groups = made["PrometheusRule payments"]["spec"]["groups"]
    said = json.dumps(groups).replace(r"job=\"payments\",namespace=\"money\"", r"job=\"ordersaga\"")
    assert json.loads(said) == plain["groups"]
    assert json.dumps(groups).count(r"namespace=\"money\"") == sum(len(group["rules"]) for group in groups)
    assert "Service payments" in made, "the job is named after the Service"


@pytest.mark.parametrize(("release", "prefix"), [("ordersaga", "ordersaga"), ("x" * 53, "x" * 50)])
def test_names_fit(release: str, prefix: str) -> None:
    for name in rendered(ONE, release=release):
        assert name.split()[1].startswith(prefix)
        assert len(name.split()[1]) <= LONGEST_FIELD


def test_a_change_of_the_settings_starts_new_pods() -> None:
    def checksum(*more: str) -> str:
        template = rendered(ONE, *more)["Deployment pay-ordersaga-all"]["spec"]["template"]
        found: str = template["metadata"]["annotations"]["checksum/config"]
        return found

    assert checksum() == checksum()
    assert checksum() != checksum("--set", "settings.lease=40")


def test_without_a_migration_or_an_account_of_its_own() -> None:
    more = (
        "--set",
        "migrate.enabled=false",
        "--set",
        "serviceAccount.create=false",
        "--set",
        "serviceAccount.name=ours",
    )
    made = rendered(ONE, *more)
    assert not {"Job", "ServiceAccount"} & kinds(made)
    assert [pod["serviceAccountName"] for pod in pods(made).values()] == ["ours"]


def test_each_alert_names_its_page_where_the_pages_are_served() -> None:
    given = ("metrics.rules.enabled=true", "metrics.rules.runbooks=https://wiki.example/pay")
    made = rendered(EXAMPLES[-1], *(part for one in given for part in ("--set", one)))
    (rule,) = (one for one in made.values() if one["kind"] == "PrometheusRule")
    for group in rule["spec"]["groups"]:
        for alert in group["rules"]:
            assert alert["annotations"]["runbook_url"] == f"https://wiki.example/pay/{alert['alert']}.md"


@pytest.mark.parametrize("release", ["123", "true", "1e3"])
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_a_release_may_be_called_like_a_number_or_a_truth(example: Path, release: str) -> None:
    def values(node: object) -> Iterator[object]:
        match node:
            case dict():
                for name, one in node.items():
                    is_text = name == "name" or str(name).startswith("app.kubernetes.io/")
                    yield from [one] if is_text else values(one)
            case list():
                for one in node:
                    yield from values(one)

    made = rendered(example, release=release)
    assert [one for one in values(list(made.values())) if not isinstance(one, str)] == []
    services = [one for one in made if one.startswith("Service ")]
    assert [one for one in services if not re.fullmatch(r"Service [a-z][-a-z0-9]*", one)] == []
