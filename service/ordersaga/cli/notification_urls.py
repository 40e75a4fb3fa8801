"""`ordersaga notification-urls`."""

import sys

from ordersaga.cli.output import CommandError


def notification_urls() -> None:
    """Print the addresses for the providers' notifications, one line each. They are secret."""
    from ordersaga import config

    settings = config.load()
    from ordersaga.cli.accounts import addresses_of
    from ordersaga.providers.klarna.notifications import KINDS

    addresses = addresses_of(settings)
    if addresses is None:
        raise CommandError("ORDERSAGA_WEB__SECRETS is missing: the addresses are derived from it", 2)
    for merchant in sorted(name for name, one in settings.merchants.items() if one.klarna is not None):
        sys.stdout.writelines(f"{addresses.of('klarna', merchant, what)}\n" for what in KINDS)
