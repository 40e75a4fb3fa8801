"""`ordersaga run`."""

from typing import Literal


def run(*, role: tuple[Literal["intake", "worker", "relay", "web"], ...] = ()) -> int:
    """Run the service until SIGTERM or Ctrl-C.

    Parameters
    ----------
    role
        Run only this role. Repeat the option for several roles. Default: all of them, web if it has a port.

    """
    from ordersaga import config

    settings = config.load()
    from ordersaga.cli import service

    return service.run(settings, role)
