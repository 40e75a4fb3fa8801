"""`ordersaga sandbox`."""

import os
import socket
import ssl
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from ordersaga.cli.output import CommandError

_File = Annotated[Path | None, Parameter(validator=validators.Path(exists=True, dir_okay=False))]


def sandbox(
    *,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65_535))] = 8100,
    certificate: _File = None,
    key: _File = None,
) -> None:
    """Run a simulator of the payment providers, with a control API under /_sandbox/.

    Parameters
    ----------
    host
        Address to listen on.
    port
        Port to listen on; 0: any free port.
    certificate
        PEM file with the certificate, for https; needs --key.
    key
        PEM file with its private key.

    """
    try:
        from ordersaga_sandbox import Tls, serve
    except ImportError as error:
        raise CommandError(f"the sandbox isn't installed ({error}): pip install 'ordersaga[sandbox]'") from error
    if (certificate is None) != (key is None):
        raise CommandError("https needs both --certificate and --key", 2)
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise CommandError(
            f"the sandbox can't listen on {host}, port {port}: {os.strerror(error.errno or 0)}", 2
        ) from error
    try:
        serve(host, port, Tls(certificate, key) if certificate is not None and key is not None else None)
    except ssl.SSLError as error:
        raise CommandError(f"the sandbox can't use {certificate} with {key}: {error}", 2) from error
