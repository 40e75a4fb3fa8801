"""`ordersaga run` and `ordersaga sandbox`."""

from typing import Annotated, Literal

from cyclopts import Parameter, validators

from ordersaga.cli.output import CommandError


def run(*, role: tuple[Literal["intake", "worker", "relay"], ...] = ()) -> int:
    """Run the service until SIGTERM or Ctrl-C.

    Parameters
    ----------
    role
        Run this role only; give it several times for several. All of them by default.

    """
    from ordersaga import config

    settings = config.load()
    from ordersaga.cli import run as running

    return running.run(settings, role)


def sandbox(
    *, host: str = "127.0.0.1", port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65_535))] = 8100
) -> None:
    """Serve a simulator of the payment provider, with a control plane under /_sandbox/.

    Parameters
    ----------
    host
        Address to listen at.
    port
        Port to listen at; 0: any free one.

    """
    try:
        from ordersaga_sandbox import serve
    except ImportError as error:
        raise CommandError(f"the sandbox isn't installed ({error}): pip install 'ordersaga[sandbox]'") from error
    serve(host, port)
