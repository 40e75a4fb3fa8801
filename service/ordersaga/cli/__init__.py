"""The command line. Each command's code is imported when it is asked for, so that each starts fast."""

import os
import sys
from collections.abc import Sequence
from typing import Final

from cyclopts import App, CycloptsError, Parameter

_COMMANDS: Final = {
    "run": ("starting:run", "Run the service, all its roles or some."),
    "migrate": ("operating:migrate", "Bring the database to the newest schema."),
    "sandbox": ("starting:sandbox", "Serve a simulator of the payment provider."),
    "publish": ("publish:publish", "Send shop events from a file to Kafka."),
    "outcomes": ("outcomes:outcomes", "Follow the outcomes, one line each."),
    "settings": ("about:settings", "Print the effective settings, secrets masked."),
    "pause": ("operating:pause", "Stop calls to a provider; what comes in waits."),
    "resume": ("operating:resume", "Undo a pause."),
    "restored": ("operating:restored", "Say that the database was restored from a backup."),
    "version": ("about:version", "Print the version."),
}
_ORDER: Final = {
    "show": ("orders:show", "Print an order with its journal."),
    "settle": ("by_hand:settle", "Say what became of an operation that is stuck."),
}
_DEAD_LETTERS: Final = {
    "list": ("letters:list_", "List the inputs that couldn't be processed, without their content."),
    "show": ("letters:show", "Print one of them."),
    "replay": ("letters:replay", "Take one in again, as it is or repaired."),
    "discard": ("letters:discard", "Give one up for good."),
}


def _with(app: App, commands: dict[str, tuple[str, str]]) -> App:
    for name, (place, text) in commands.items():
        app.command(f"{__name__}.{place}", name=name, help=text)
    return app


def _version() -> str:
    from ordersaga.cli.about import installed_version

    return installed_version()


app: Final = App(
    name="ordersaga",
    help="Makes the payment provider agree with what happened to an order in the shop, exactly once.",
    help_format="plaintext",
    default_parameter=Parameter(negative=()),
    version=_version,
)
_with(app, _COMMANDS)
app.command(_with(App(name="order", help="Look at an order, and settle what is stuck."), _ORDER))
app.command(_with(App(name="dead-letters", help="Look at inputs that couldn't be processed."), _DEAD_LETTERS))


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 it failed, 2 a setting or the command line is wrong, 130 interrupted."""
    from ordersaga.cli.output import CommandError
    from ordersaga.store.errors import StoreError

    try:
        result = app(arguments, result_action="return_value", exit_on_error=False)
        sys.stdout.flush()
    except CycloptsError:  # told by cyclopts itself
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tells of it again at its end
        return 1
    except (CommandError, StoreError) as error:
        return _failed(error)
    return result if isinstance(result, int) else 0


def _failed(error: Exception) -> int:
    """One line, and the exit code."""
    from ordersaga.store.errors import SettingError

    if isinstance(error, SettingError):
        sys.stderr.write(f"ORDERSAGA_DATABASE: {error}\n")
        return 2
    sys.stderr.write(f"{error}\n")
    return int(getattr(error, "code", 1))
