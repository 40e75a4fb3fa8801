"""`ordersaga` as a newer version of itself would be: with one more migration, without whose column it doesn't start, and with
states that older processes can't read.
"""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

from alembic.config import Config
from sqlalchemy import Column, Text

NAME = "ordersaga.store.readers"
NOW, THEN = "STATE_VERSION: Final = 1", "STATE_VERSION: Final = 2"
MIGRATIONS = Path(__file__).with_name("newer_migrations")


def write_newer_states() -> None:
    spec = importlib.util.find_spec(NAME)
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text()
    assert NOW in source
    module = sys.modules[NAME] = ModuleType(NAME)
    exec(compile(source.replace(NOW, THEN), spec.origin, "exec"), module.__dict__)


def need_the_newer_column() -> None:
    from ordersaga.store.tables import metadata

    metadata.tables["orders"].append_column(Column("newer", Text))


def bring_the_newer_migration() -> None:
    from ordersaga.store import migrations

    config_of_today = migrations._config

    def config() -> Config:
        made = config_of_today()
        versions = (Path(made.get_main_option("script_location") or "") / "versions", MIGRATIONS)
        made.set_main_option("version_locations", os.pathsep.join(str(one).replace("%", "%%") for one in versions))
        return made

    migrations._config = config


if __name__ == "__main__":
    write_newer_states()
    need_the_newer_column()
    if sys.argv[1:2] == ["migrate"]:
        bring_the_newer_migration()
    from ordersaga.cli import main

    sys.exit(main())
