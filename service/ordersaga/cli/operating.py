"""What operators do: migrate, pause, resume, restored."""

import getpass
import sys

from ordersaga.cli.output import CommandError, at, table


def migrate() -> None:
    """Bring the database to the newest schema. Several may try at once."""
    from ordersaga import config, telemetry

    settings = config.load(config.DatabaseSettings)
    from ordersaga.cli.connections import database_of
    from ordersaga.store import migrations

    telemetry.configure_logs("INFO", "console")
    database = database_of(settings)
    before = migrations.revision(database)
    migrations.upgrade(database)
    after = migrations.revision(database)
    done = f"is at {after} already" if before == after else f"went from {before or 'nothing'} to {after}"
    sys.stdout.write(f"The database at {database.where()} {done}.\n")


async def pause(*, merchant: str | None = None, provider: str | None = None, by: str | None = None) -> None:
    """Stop calls to a provider. Calls under way end; events are taken in and wait.

    Parameters
    ----------
    merchant
        Of this merchant only.
    provider
        To this provider only.
    by
        Who does it, for the record; else the system's user.

    """
    await _switch(merchant, provider, by, paused=True)


async def resume(*, merchant: str | None = None, provider: str | None = None, by: str | None = None) -> None:
    """Undo a pause of the same words.

    Parameters
    ----------
    merchant
        As it was paused.
    provider
        As it was paused.
    by
        Who does it, for the record; else the system's user.

    """
    await _switch(merchant, provider, by, paused=False)


async def _switch(merchant: str | None, provider: str | None, by: str | None, *, paused: bool) -> None:
    from ordersaga import config

    settings = config.load()
    if merchant is not None and merchant not in settings.merchants:
        raise CommandError(
            f"merchant {merchant!r} isn't configured; there are: {', '.join(sorted(settings.merchants))}"
        )
    if provider not in {None, "klarna"}:
        raise CommandError(f"provider {provider!r} isn't known; there is: klarna")
    from ordersaga.cli.connections import opened_store
    from ordersaga.store.upkeep import ALL

    async with opened_store(settings) as store:
        switch = store.pause if paused else store.resume
        await switch(by or getpass.getuser(), merchant or ALL, provider or ALL)
        now = await store.paused()
    rows = [(one.merchant, one.provider, one.by, at(one.at)) for one in now]
    if rows:
        table("Paused (* is all)", ("merchant", "provider", "by", "since (UTC)"), rows)
    else:
        sys.stdout.write("Nothing is paused.\n")


async def restored(*, yes: bool = False) -> None:
    """Say that the database was restored from a backup, before the service runs on it.

    Operations of the time before are then looked up at the provider before their first call, and outcomes get ids of
    a new epoch.

    Parameters
    ----------
    yes
        Don't ask.

    """
    from ordersaga import config

    settings = config.load(config.StoreSettings)
    if not yes:
        raise CommandError(
            f"this is for the database at {settings.database_url(masked=True)}, once after each restore: "
            "stop the service, then say it again with --yes",
            2,
        )
    from ordersaga.cli.connections import opened_store

    async with opened_store(settings) as store:
        epoch = await store.restored()
    sys.stdout.write(f"Epoch {epoch}: every operation is looked up at the provider before its first call.\n")
