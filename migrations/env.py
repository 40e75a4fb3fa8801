"""Run by `ordersaga migrate`, which gives the connection and holds the lock."""

from alembic import context

from ordersaga.store.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run `ordersaga migrate`: migrations go over its connection, one at a time")

context.configure(
    connection=connection,
    target_metadata=metadata,
    transaction_per_migration=True,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
