"""What the Dockerfile and compose.yaml promise, read from their text. Needs no programs."""

import re
import tomllib
from typing import Any

from ordersaga.config.settings import Settings

from .chart import CHART, ROOT, Json, values_of

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: Json = values_of(ROOT / "compose.yaml")
_PINNED = re.compile(r"^(\S+)==(\S+) \\$", re.MULTILINE)


def locked(name: str) -> dict[str, str]:
    return dict(_PINNED.findall((ROOT / name).read_text()))


def test_what_builds_the_package_is_locked_as_for_developers() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    found, developers = locked("requirements-build.lock"), locked("requirements-dev.lock")
    assert found.items() <= developers.items()
    assert {f"{name}=={version}" for name, version in found.items()} >= set(wanted)
    text = (ROOT / "requirements-build.lock").read_text()
    assert text.count("--hash=sha256:") >= len(found)


def test_all_that_the_image_gets_is_locked() -> None:
    installs = re.findall(r"pip .*? (install|wheel) ([^&\n]+)", DOCKERFILE)
    assert len(installs) == 4
    for _, options in installs:
        assert "--require-hashes" in options or {"--no-index", "--no-deps"} <= set(options.split())


def test_base_images_are_named_by_version() -> None:
    (python,) = re.findall(r"^ARG PYTHON=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"3\.\d+\.\d+-slim-\w+", python)
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["python:${PYTHON}"] * 2
    images = [one["image"] for one in COMPOSE["services"].values() if "build" not in one]
    assert [image for image in images if not re.search(r":v?\d+", image)] == []


def test_the_user_of_the_image_is_that_of_the_chart() -> None:
    (user, group) = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)[0]
    helpers = (CHART / "templates" / "_helpers.tpl").read_text()
    assert (f"runAsUser: {user}\n" in helpers, f"runAsGroup: {group}\n" in helpers) == (True, True)


def test_the_process_itself_gets_the_signal_to_stop() -> None:
    """An entry point as a list: there is no shell between."""
    assert 'ENTRYPOINT ["ordersaga"]\nCMD ["run"]' in DOCKERFILE


def test_what_the_image_is_built_of_is_in_its_context() -> None:
    kept = re.findall(r"^!(\S+?)/?$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert set(kept) == {*_sources(), "requirements.lock", "requirements-build.lock", "pyproject.toml", "README.md"}
    assert [name for name in kept if not (ROOT / name).exists()] == []


def _sources() -> set[str]:
    wheel: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    return {path.partition("/")[0] for path in [*wheel["packages"], *wheel["force-include"]]}


def test_compose_runs_the_service_as_it_is_run_elsewhere() -> None:
    service = COMPOSE["services"]["service"]
    assert (service["read_only"], service["cap_drop"], service["tmpfs"]) == (True, ["ALL"], ["/tmp"])
    assert int(service["stop_grace_period"].removesuffix("s")) > Settings.model_fields["shutdown_timeout"].default
    port = service["environment"]["ORDERSAGA_METRICS_PORT"]
    assert f":{port}/healthz/ready" in service["healthcheck"]["test"][-1]
    (scraped,) = values_of(ROOT / "compose" / "prometheus.yaml")["scrape_configs"]
    assert scraped["job_name"] == "ordersaga", "the job of the alerts"
    assert scraped["dns_sd_configs"][0]["names"] == ["service"]
    assert scraped["dns_sd_configs"][0]["port"] == port


def test_compose_is_reached_from_this_machine_alone() -> None:
    ports = [port for one in COMPOSE["services"].values() for port in one.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
