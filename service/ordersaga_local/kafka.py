"""A real single-node Apache Kafka (KRaft), run from its jars with Java."""

import base64
import socket
import struct
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ordersaga_local.jars import KAFKA_VERSION, java, kafka_libs
from ordersaga_local.process import Server, free_port, new_directory, run
from ordersaga_local.tls import Certificates

_HOST = "127.0.0.1"
_JVM = ("-Xms256m", "-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_SECURITY = "org.apache.kafka.common.security"
PROPERTIES: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "num.partitions": "8",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
    # A killed broker can register again only when its old session has expired: after 3 s instead of 9.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}
"""Settings of a single node, from jars or in a container."""


@dataclass(frozen=True, slots=True)
class Sasl:
    """A SASL_SSL listener in addition to the plain one: PLAIN and SCRAM-SHA-512 with these users, OAUTHBEARER with unsigned
    tokens (`alg: none`).
    """

    certificates: Certificates
    users: Mapping[str, str] = field(default_factory=lambda: {"ordersaga": "ordersaga-secret"})


class LocalKafka:
    """`bootstrap` is the plain listener, `sasl_bootstrap` the one of `sasl`. Use it in a `with` block, or from start() to close().

    `host`: an address of this machine, at which clients reach it.
    """

    def __init__(self, sasl: Sasl | None = None, host: str = _HOST) -> None:
        command = (java(), *_JVM, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{kafka_libs()}/*")
        directory = new_directory("kafka")
        self._port = free_port()
        self._sasl = sasl
        self.bootstrap = f"{host}:{self._port}"
        self.sasl_bootstrap = f"{_HOST}:{free_port()}" if sasl else ""
        settings = directory / "server.properties"
        settings.write_text("".join(f"{name}={value}\n" for name, value in self._properties(directory).items()))
        self._format: list[str | Path] = [
            *command,
            "kafka.tools.StorageTool",
            "format",
            "-t",
            _cluster_id(),
            "-c",
            settings,
        ]
        self._format += [word for user in self._scram_users() for word in ("--add-scram", user)]
        self.server = Server([*command, "kafka.Kafka", settings], directory, lambda _pid: is_ready(host, self._port))

    def __str__(self) -> str:
        return f"Kafka {KAFKA_VERSION} from jars at {self.bootstrap}"

    def start(self) -> None:
        if not (self.server.directory / "data").exists():
            run(self._format)
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    def kill(self) -> None:
        self.server.kill()

    def restart(self) -> None:
        self.server.restart()

    def close(self) -> None:
        self.server.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:  # also when interrupted: no server outlives us
            self.close()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _properties(self, directory: Path) -> dict[str, str]:
        controller = f"{_HOST}:{free_port()}"
        clients = f"PLAINTEXT://{self.bootstrap}" + (f",SASL_SSL://{self.sasl_bootstrap}" if self._sasl else "")
        return {
            **PROPERTIES,
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"{clients},CONTROLLER://{controller}",
            "advertised.listeners": clients,
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL",
            "log.dirs": str(directory / "data"),
            **(_sasl_properties(self._sasl) if self._sasl else {}),
        }

    def _scram_users(self) -> list[str]:
        users = self._sasl.users if self._sasl else {}
        return [f"SCRAM-SHA-512=[name={name},password={password}]" for name, password in users.items()]


def _sasl_properties(sasl: Sasl) -> dict[str, str]:
    users = " ".join(f'user_{name}="{password}"' for name, password in sasl.users.items())
    listener = "listener.name.sasl_ssl"
    validator = f"{_SECURITY}.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler"
    return {
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512,OAUTHBEARER",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(sasl.certificates.keystore),
        f"{listener}.plain.sasl.jaas.config": f"{_SECURITY}.plain.PlainLoginModule required {users};",
        f"{listener}.scram-sha-512.sasl.jaas.config": f"{_SECURITY}.scram.ScramLoginModule required;",
        f"{listener}.oauthbearer.sasl.jaas.config": (
            f"{_SECURITY}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=" + '"broker";'
        ),
        f"{listener}.oauthbearer.sasl.server.callback.handler.class": validator,
    }


def _cluster_id() -> str:
    """The highest bit is cleared, so that it can't begin with "-", which would look like an option."""
    number = uuid.uuid4().int >> 1
    return base64.urlsafe_b64encode(number.to_bytes(16, "big")).decode().rstrip("=")


def is_ready(host: str, port: int) -> bool:
    """Whether the broker responds to ApiVersions (key 18, version 0), which it does once it serves requests."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    try:
        with socket.create_connection((host, port), timeout=1) as broker:
            broker.sendall(struct.pack(">i", len(request)) + request)
            return len(broker.recv(8)) > 0
    except OSError:
        return False
