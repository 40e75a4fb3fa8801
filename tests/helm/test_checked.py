"""What others' programs say of the chart, its alerts, the image's Dockerfile and compose.yaml."""

import functools
import json
import re
from pathlib import Path
from typing import Final

import pytest
import yaml

from . import programs
from .chart import CHART, EXAMPLES, ROOT, Json
from .test_alerts import CASES
from .test_dashboard import asked

pytestmark = pytest.mark.chart
OF_OTHERS: Final = {"PodMonitor", "ServiceMonitor", "PrometheusRule", "ScaledObject", "ExternalSecret"}
"""Kinds that Kubernetes doesn't define, so that its schemas don't have them."""


@functools.cache
def manifests(example: Path) -> str:
    done = programs.run(programs.helm(), "template", "pay", CHART, "--namespace", "money", "--values", example)
    assert done.returncode == 0, done.stderr
    return done.stdout


def kubeconform(documents: str, version: str) -> list[Json]:
    """The resources, each with its status and problems. Nothing is asked of the network."""
    location = str(programs.schemas() / version / "{{.ResourceKind}}{{.KindSuffix}}.json")
    done = programs.run(
        programs.built("kubeconform"),
        *("-strict", "-verbose", "-output", "json", "-kubernetes-version", f"{version}.0"),
        *("-schema-location", location, "-skip", ",".join(OF_OTHERS)),
        given=documents,
    )
    found: list[Json] = json.loads(done.stdout)["resources"]
    return found


@pytest.mark.parametrize("version", programs.KUBERNETES)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_kubernetes_takes_the_manifests(example: Path, version: str) -> None:
    documents = manifests(example)
    checked = kubeconform(documents, version)
    assert len(checked) == len(re.findall(r"^kind:", documents, re.MULTILINE))
    wrong = [one for one in checked if one["status"] not in {"statusValid", "statusSkipped"}]
    assert wrong == []
    assert {one["kind"] for one in checked if one["status"] == "statusSkipped"} <= OF_OTHERS


@pytest.mark.parametrize("version", programs.KUBERNETES)
def test_kubernetes_would_refuse_an_unknown_field(version: str) -> None:
    documents = manifests(EXAMPLES[0]).replace("minReadySeconds:", "minimumReadySeconds:")
    wrong = [one["kind"] for one in kubeconform(documents, version) if one["status"] == "statusInvalid"]
    assert wrong == ["Deployment"]


def of_others(example: Path) -> list[Json]:
    return [one for one in yaml.safe_load_all(manifests(example)) if one and one["kind"] in OF_OTHERS]


def wrong_kinds(documents: list[Json]) -> list[str]:
    done = programs.run("node", programs.kinds(), given=json.dumps(documents))
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == len(documents)
    return [f"{one['kind']}: {one['error']}" for one in results if one["error"]]


@pytest.mark.parametrize("example", EXAMPLES[1:], ids=lambda path: path.name)
def test_the_operators_of_others_take_theirs(example: Path) -> None:
    documents = of_others(example)
    assert documents
    assert wrong_kinds(documents) == []


def test_they_would_refuse_a_wrong_type() -> None:
    (scaled, *_) = [one for one in of_others(EXAMPLES[1]) if one["kind"] == "ScaledObject"]
    spec = scaled["spec"] | {"maxReplicaCount": "many"}
    assert wrong_kinds([scaled | {"spec": spec}]) == ["ScaledObject: data/spec/maxReplicaCount must be integer"]


def test_the_suites_of_helm_unittest_pass() -> None:
    done = programs.run(programs.built("helm-unittest"), "--strict", CHART)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Tests: +[1-9]\d* passed", done.stdout), done.stdout


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["split=maybe"], "/split"),
        (["replicas=3"], "'replicas'"),
        (["settings.merchants.default.klarna.pasword=x"], "'pasword'"),
        (["settings.encryption_key=x"], "'encryption_key'"),
        (["roles.worker.replicas=-1"], "/roles/worker/replicas"),
        (["roles.worker.autoscaling.by=mood"], "/roles/worker/autoscaling/by"),
        (["metrics.port=99999"], "/metrics/port"),
        (["metrics.monitor.kind=both"], "/metrics/monitor/kind"),
        (["image.pullPolicy=Sometimes"], "/image/pullPolicy"),
        (["topologySpread.whenUnsatisfiable=Never"], "/topologySpread/whenUnsatisfiable"),
        (["ingress.enabled=true", "settings.web.port=8080"], "/ingress/host"),
        (["ingress.enabled=true", "ingress.host=pay.example"], "'web'"),
        (["externalSecret.enabled=true", "externalSecret.store.name=vault"], "/externalSecret/data"),
        (["networkPolicy.ingress=open"], "'ingress'"),
        (["settings.merchants.Gifts.mollie.slots=4"], "Gifts"),
        (["secrets[0].name=a", "secrets[0].value=b"], "'value'"),
        (["image.digest=1.0"], "/image/digest"),
        (["fullnameOverride=1-pay"], "/fullnameOverride"),
        (["settings.web.port=9100"], "settings.web.port is the same as metrics.port"),
        (
            ["roles.all.autoscaling.enabled=true", "roles.all.autoscaling.minReplicas=5"],
            "roles.all.autoscaling.minReplicas is 5, more than maxReplicas, which is 4",
        ),
        (["extraEnv[0].name=ORDERSAGA_WEB__PORT"], "set settings.web.port"),
        (["extraEnv[0].name=ORDERSAGA_METRICS_PORT"], "set metrics.port"),
        (["extraEnv[0].name=ordersaga_shutdown_timeout"], "set settings.shutdown_timeout"),
        (["podLabels.app\\.kubernetes\\.io/name=mine"], "podLabels can't have app.kubernetes.io/name"),
        (["podAnnotations.checksum/config=mine"], "podAnnotations can't have checksum/config"),
    ],
    ids=str,
)
def test_wrong_values_are_refused_by_their_name(given: list[str], problem: str) -> None:
    arguments = [argument for one in given for argument in ("--set", one)]
    done = programs.run(programs.helm(), "template", "pay", CHART, "--values", EXAMPLES[0], *arguments)
    assert done.returncode != 0
    assert problem in done.stderr


# alerts and dashboard


def promtool(*arguments: str | Path) -> None:
    done = programs.run(programs.promtool(), *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alerts_are_rules_of_prometheus() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", CHART / "alerts.yaml")


def test_the_alerts_of_a_release_are_rules_too(tmp_path: Path) -> None:
    made = next(one for one in of_others(EXAMPLES[-1]) if one["kind"] == "PrometheusRule")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(made["spec"]))
    promtool("check", "rules", "--lint=all", "--lint-fatal", tmp_path / "rules.yaml")


def test_each_alert_fires_when_it_should_and_only_then() -> None:
    promtool("test", "rules", CASES)


def test_what_the_dashboard_and_the_autoscalers_ask_is_promql(tmp_path: Path) -> None:
    def expression(asked_for: str) -> str:
        return (
            re.sub(r"\$__(?:rate_interval|range)", "5m", asked_for)
            .replace("%s", 'job="pay"')
            .replace("%[1]s", 'job="pay"')
        )

    rules = [{"record": f"asked:{n}", "expr": expression(one)} for n, (_, one, _) in enumerate(asked())]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}))
    promtool("check", "rules", "--lint=none", tmp_path / "rules.yaml")


def test_nothing_to_do_is_told_from_nothing_known(tmp_path: Path) -> None:
    """KEDA gets 0 while the release is scraped, and no value if it isn't."""
    (worker,) = [one for one in of_others(EXAMPLES[1]) if one["metadata"]["name"] == "pay-ordersaga-worker"]
    (query,) = [trigger["metadata"]["query"] for trigger in worker["spec"]["triggers"]]
    labels = 'job="pay-ordersaga",namespace="money",instance="%s"'
    up = {"series": f"up{{{labels % 'a'}}}", "values": "1x9"}
    overdue = [
        {
            "series": f'ordersaga_orders_overdue{{{labels % instance},merchant="default",provider="{provider}"}}',
            "values": "5x9",
        }
        for instance in "ab"  # both read the same from the database
        for provider in ("klarna", "mollie")
    ]
    expected = [([], None), ([up], 0), ([up, *overdue], 10)]
    tests = [
        {
            "input_series": series,
            "promql_expr_test": [
                {
                    "expr": query,
                    "eval_time": "5m",
                    "exp_samples": [] if value is None else [{"labels": "{}", "value": value}],
                }
            ],
        }
        for series, value in expected
    ]
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump({"tests": tests}))
    promtool("test", "rules", tmp_path / "tests.yaml")


# the image and compose.yaml


def test_the_dockerfile_is_clean() -> None:
    done = programs.run(programs.hadolint(), "--no-color", "--failure-threshold", "style", ROOT / "Dockerfile")
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_takes_its_file() -> None:
    done = programs.run(programs.built("compose"), "-no-interpolation", "-format", "json", ROOT / "compose.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    services = json.loads(done.stdout)["services"]
    assert {"kafka", "postgres", "sandbox", "service", "prometheus", "grafana"} <= services.keys()
    for name in ("prometheus", "grafana"):
        assert all(Path(mount["source"]).is_file() for mount in services[name]["volumes"])


def test_prometheus_takes_the_configuration_of_compose(tmp_path: Path) -> None:
    given = (ROOT / "compose" / "prometheus.yaml").read_text()
    (tmp_path / "prometheus.yaml").write_text(given.replace("/etc/prometheus/alerts.yaml", str(CHART / "alerts.yaml")))
    promtool("check", "config", "--lint=all", "--lint-fatal", tmp_path / "prometheus.yaml")
