"""Certificates for one server on the loopback interface."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files. Clients trust `authority`; `keystore` is key and certificate in one file, for Kafka."""

    authority: Path
    server: Path
    key: Path
    keystore: Path

    @classmethod
    def made(cls, folder: Path) -> Self:
        """A new authority each time: a client that trusts another one doesn't trust this server."""
        authority = trustme.CA()
        server = authority.issue_cert("localhost", "127.0.0.1")
        files = cls(*(folder / name for name in ("authority.pem", "server.pem", "server.key", "keystore.pem")))
        authority.cert_pem.write_to_path(files.authority)
        server.cert_chain_pems[0].write_to_path(files.server)
        for private in (files.key, files.keystore):
            private.touch(mode=0o600)
        key = load_pem_private_key(server.private_key_pem.bytes(), password=None)
        pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # the only format that Kafka reads
        files.key.write_bytes(pkcs8)
        files.keystore.write_bytes(pkcs8 + server.cert_chain_pems[0].bytes())
        return files
