"""What is checked before the store is used: tables, columns, rights, and that no pooler shares our connections."""

from typing import Final

from ordersaga.store.engine import Engine
from ordersaga.store.errors import AccessDeniedError, OutdatedError, PoolerError, SchemaMissingError
from ordersaga.store.readers import OUTDATED
from ordersaga.store.session import Session
from ordersaga.store.tables import metadata

_RIGHTS: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")

_FIND_COLUMNS: Final = """
SELECT g.name, array(SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass(g.name)) AS columns,
       array(SELECT r FROM unnest($2::text[]) AS r WHERE NOT has_table_privilege(to_regclass(g.name)::oid, r)) AS lacking,
       current_user AS role
FROM unnest($1::text[]) AS g(name)"""


_OUTDATED: Final = f"SELECT {OUTDATED} AS outdated FROM epoch"  # noqa: S608 - of a constant


async def check_tables(session: Session) -> None:
    """One statement. Raises SchemaMissingError, or AccessDeniedError if the role lacks a right on a table."""
    names = sorted(metadata.tables)
    found = {record["name"]: record for record in await session.fetch(_FIND_COLUMNS, names, list(_RIGHTS))}
    missing = [
        f"{name}.{column.name}" if found[name]["columns"] else name
        for name in names
        for column in metadata.tables[name].columns
        if column.name not in found[name]["columns"]
    ]
    if missing:
        what = ", ".join(dict.fromkeys(missing))
        raise SchemaMissingError(f"the database at {session.where} lacks {what}: run `ordersaga migrate`")
    lacking = [f"{', '.join(found[name]['lacking'])} on {name}" for name in names if found[name]["lacking"]]
    if lacking:
        role = found[names[0]]["role"]
        raise AccessDeniedError(f"the role {role} at {session.where} lacks {'; '.join(lacking)}: grant it")


async def check_version(session: Session) -> None:
    """One statement. Raises OutdatedError."""
    if (await session.fetch(_OUTDATED))[0]["outdated"]:
        raise OutdatedError


async def check_pooler(engine: Engine) -> None:
    """Raises PoolerError if several of our connections share one of the server's, as in pgbouncer's transaction mode.

    A pooler gives each connection an invented process id. It hands the server connection that was used last to the next
    statement of any client, unless it pools sessions.
    """
    async with engine.plain_connection() as one:
        process = await one.process()
        if process == one.claimed_process:
            return
        async with engine.plain_connection() as other:
            if await other.process() == process:
                raise PoolerError(engine.where)
