"""`ordersaga notification-urls`."""

import sys

from ordersaga.cli.output import CommandError


def notification_urls() -> None:
    """Print the addresses for the providers' notifications and callbacks, one line each. They are secret."""
    from ordersaga import config

    settings = config.load()
    from ordersaga.cli.accounts import KLARNA, addresses_of
    from ordersaga.cli.notifications import NOTIFICATIONS

    addresses = addresses_of(settings)
    if addresses is None:
        raise CommandError("ORDERSAGA_WEB__SECRETS is missing: the addresses are derived from it", 2)
    for merchant, one in sorted(settings.merchants.items()):
        for provider in one.accounts:
            callbacks = one.klarna.callbacks.kinds if provider == KLARNA and one.klarna is not None else {}
            kinds = (*NOTIFICATIONS[provider].kinds, *callbacks)
            sys.stdout.writelines(f"{addresses.of(provider, merchant, what)}\n" for what in kinds)
