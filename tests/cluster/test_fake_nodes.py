"""The chart in a real API server with real controllers and scheduler. The nodes are fake: no container runs."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from helm.chart import EXAMPLES, merged, values_of

from .client import Json, Namespace, names, wait_for

pytestmark = pytest.mark.cluster

Namespaces = Callable[[], Namespace]
(SMALL,) = (values_of(path) for path in EXAMPLES if path.name == "one-values.yaml")
SECRET = {"database": "postgresql://db.example/ordersaga", "encryption_key": "unused"}
SPLIT: Json = {
    "split": True,
    "settings": {"web": {"port": 8080, "base_url": "https://pay.example"}},
    "roles": {"worker": {"autoscaling": {"enabled": True}}},
    "ingress": {"enabled": True, "className": "nginx", "host": "pay.example"},
    "networkPolicy": {"enabled": True},
}
OURS = "app.kubernetes.io/name=ordersaga"


def tagged(tag: str, **values: Any) -> Json:
    return merged(SMALL, {"image": {"tag": tag}, **values})


def installed(namespace: Namespace) -> str:
    """What helm said."""
    namespace.secret("ordersaga", **SECRET)
    return namespace.helm_done("install", values=tagged("1"))


@pytest.fixture(scope="module")
def release(namespace: Namespaces) -> tuple[Namespace, str]:
    """The chart's smallest example, installed, and what helm said. Tests leave it as it is."""
    made = namespace()
    return made, installed(made)


Release = tuple[Namespace, str]


def test_a_restricted_namespace_takes_the_release_without_a_warning(release: Release) -> None:
    namespace, said = release
    assert "PodSecurity" not in said
    assert namespace.one("deployment", "pay-ordersaga-all")["status"]["readyReplicas"] == 2


def test_the_migration_ran_before_the_first_pod(release: Release) -> None:
    namespace, _ = release
    (completed,) = namespace.events(kind="Job", name="pay-ordersaga-migrate", reason="Completed")
    pods = [one["metadata"]["creationTimestamp"] for one in namespace.pods()]
    assert completed["firstTimestamp"] <= min(pods)
    assert namespace.get("jobs") == [], "it is removed when it has succeeded"


def test_the_pods_are_spread_over_the_nodes(release: Release) -> None:
    namespace, _ = release
    assert len({one["spec"]["nodeName"] for one in namespace.pods()}) == 2


def test_no_pod_has_a_token_and_the_account_may_read_no_secret(release: Release) -> None:
    namespace, _ = release
    for pod in namespace.pods():
        sources = [one for volume in pod["spec"]["volumes"] for one in volume.get("projected", {}).get("sources", [])]
        assert [one for one in sources if "serviceAccountToken" in one] == []
        assert pod["spec"]["serviceAccountName"] == "pay-ordersaga"
    account = f"system:serviceaccount:{namespace.name}:pay-ordersaga"
    for verb in ("get", "list"):
        asked = namespace.try_kubectl("auth", "can-i", verb, "secrets", "--as", account)
        assert (asked.stdout.strip(), asked.returncode) == ("no", 1)


def test_a_pod_without_the_security_settings_is_refused(release: Release) -> None:
    namespace, _ = release
    done = namespace.try_kubectl("run", "careless", "--image", "registry.example/ordersaga:1")
    assert 'violates PodSecurity "restricted' in done.stderr
    assert "runAsNonRoot != true" in done.stderr


def test_the_last_allowed_pod_is_not_evicted(namespace: Namespaces) -> None:
    namespace_ = namespace()
    installed(namespace_)
    wait_for(lambda: namespace_.disruptions_allowed() == 1, 30, namespace_.state)
    first, second = (one["metadata"]["name"] for one in namespace_.pods())
    with namespace_.cluster.cordoned():
        assert namespace_.evict(first) == ""
        assert "disruption budget" in namespace_.evict(second), "nothing has taken the first one's place"
    wait_for(lambda: namespace_.disruptions_allowed() == 1, 60, namespace_.state)
    assert namespace_.evict(second) == ""


def test_one_deployment_becomes_one_for_each_role_and_back(namespace: Namespaces) -> None:
    namespace_ = namespace()
    installed(namespace_)
    assert "PodSecurity" not in namespace_.helm_done("upgrade", values=merged(tagged("2"), SPLIT))
    roles = ("intake", "worker", "relay", "web")
    kept = [f"Deployment/pay-ordersaga-{role}" for role in roles]
    kept += [f"PodDisruptionBudget/pay-ordersaga-{role}" for role in roles]
    kept += ["HorizontalPodAutoscaler/pay-ordersaga-worker", "Ingress/pay-ordersaga-web"]
    kept += ["NetworkPolicy/pay-ordersaga", "NetworkPolicy/pay-ordersaga-test"]
    assert names(namespace_.get("deployments,pdb,hpa,ingresses,networkpolicies")) == set(kept)
    wait_for(lambda: [len(namespace_.pods(role)) for role in roles] == [2] * 4, 60, namespace_.state)
    assert {namespace_.image(role) for role in roles} == {"registry.example/ordersaga:2"}
    namespace_.helm_done("rollback", "1", "--wait")
    assert names(namespace_.get("deployments,hpa,ingresses,networkpolicies")) == {"Deployment/pay-ordersaga-all"}
    assert namespace_.image() == "registry.example/ordersaga:1"


def test_a_failed_upgrade_leaves_the_old_version(namespace: Namespaces) -> None:
    namespace_ = namespace()
    installed(namespace_)
    pods = names(namespace_.pods())
    stuck = namespace_.helm("upgrade", "--rollback-on-failure", "--timeout", "20s", values=tagged("never-ready"))
    assert stuck.returncode != 0
    assert namespace_.image() == "registry.example/ordersaga:1"
    wait_for(lambda: names(namespace_.pods()) == pods, 60, namespace_.state)
    failing = namespace_.helm("upgrade", values=tagged("fails", migrate={"backoffLimit": 0}))
    assert failing.returncode != 0
    assert re.search(r"pre-upgrade hooks? failed", failing.stderr)
    assert (namespace_.image(), names(namespace_.pods())) == ("registry.example/ordersaga:1", pods)
    namespace_.helm_done("uninstall", "--wait")
    kept = {"Secret/ordersaga", "Job/pay-ordersaga-migrate"}
    wait_for(lambda: left(namespace_) == kept, 30, lambda: str(left(namespace_)))


def test_an_uninstalled_release_leaves_the_secret_that_it_was_given(namespace: Namespaces) -> None:
    namespace_ = namespace()
    installed(namespace_)
    namespace_.helm_done("upgrade", values=merged(tagged("2"), SPLIT))
    namespace_.helm_done("uninstall", "--wait")
    wait_for(lambda: left(namespace_) == {"Secret/ordersaga"}, 30, lambda: str(left(namespace_)))


def left(namespace: Namespace) -> set[str]:
    """What the namespace doesn't have of its own, and the Job's pods."""
    kinds = "configmaps,deployments,hpa,ingresses,jobs,networkpolicies,pdb,replicasets,rolebindings,roles,secrets"
    every = namespace.get(f"{kinds},serviceaccounts,services") + namespace.get("pods", "-l", OURS)
    return names(every) - {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default"}
