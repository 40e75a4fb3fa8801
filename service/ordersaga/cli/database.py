"""`ordersaga migrate` and `ordersaga restored`."""

import sys

from ordersaga.cli.output import CommandError


def migrate() -> None:
    """Upgrade the database to the newest schema. Several processes may run it at once."""
    from ordersaga import config, telemetry

    settings = config.load(config.DatabaseSettings)
    from ordersaga.cli.connections import database_of
    from ordersaga.store import migrations

    telemetry.configure_logs("INFO", "console")
    database = database_of(settings)
    before = migrations.revision(database)
    migrations.upgrade(database)
    after = migrations.revision(database)
    change = f"is already at {after}" if before == after else f"was upgraded from {before or 'nothing'} to {after}"
    sys.stdout.write(f"The database at {database.where()} {change}.\n")


async def restored(*, yes: bool = False) -> None:
    """Record that the database was restored from a backup, before the service runs on it.

    Operations of events that were sent before the restore are then read at the provider before their first call, and
    outcomes get ids of a new epoch.

    Parameters
    ----------
    yes
        Confirm it.

    """
    from ordersaga import config

    settings = config.load(config.StoreSettings)
    if not yes:
        raise CommandError(
            f"this is for the database at {settings.database_url(masked=True)}, once after each restore: "
            "stop the service, then run it again with --yes",
            2,
        )
    from ordersaga.cli.connections import opened_store
    from ordersaga.operating.restore import record_restore

    async with opened_store(settings) as store:
        epoch = (await record_restore(store)).epoch
    sys.stdout.write(f"Epoch {epoch}: every operation is read at the provider before its first call.\n")
