"""`ordersaga version`."""

import sys
from importlib.metadata import version as version_of


def installed_version() -> str:
    return version_of("ordersaga")


def version() -> None:
    sys.stdout.write(f"{installed_version()}\n")
