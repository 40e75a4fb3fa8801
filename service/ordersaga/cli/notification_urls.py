"""`ordersaga notification-urls`."""

import sys

from ordersaga.cli.output import CommandError


def notification_urls() -> None:
    """Print the addresses for the providers' notifications and callbacks, one line each. They are secret."""
    from ordersaga import config

    settings = config.load()
    from ordersaga.cli.accounts import addresses_of
    from ordersaga.providers.klarna.notifications import KINDS

    addresses = addresses_of(settings)
    if addresses is None:
        raise CommandError("ORDERSAGA_WEB__SECRETS is missing: the addresses are derived from it", 2)
    accounts = {name: one.klarna for name, one in sorted(settings.merchants.items()) if one.klarna is not None}
    for merchant, account in accounts.items():
        kinds = (*KINDS, *account.callbacks.kinds)
        sys.stdout.writelines(f"{addresses.of('klarna', merchant, what)}\n" for what in kinds)
