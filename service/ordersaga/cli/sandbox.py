"""`ordersaga sandbox`."""

import os
import socket
from typing import Annotated

from cyclopts import Parameter, validators

from ordersaga.cli.output import CommandError


def sandbox(
    *, host: str = "127.0.0.1", port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65_535))] = 8100
) -> None:
    """Run a simulator of the payment provider, with a control API under /_sandbox/.

    Parameters
    ----------
    host
        Address to listen on.
    port
        Port to listen on; 0: any free port.

    """
    try:
        from ordersaga_sandbox import serve
    except ImportError as error:
        raise CommandError(f"the sandbox isn't installed ({error}): pip install 'ordersaga[sandbox]'") from error
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise CommandError(
            f"the sandbox can't listen on {host}, port {port}: {os.strerror(error.errno or 0)}", 2
        ) from error
    serve(host, port)
