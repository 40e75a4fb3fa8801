"""The command line. The code of a command is imported when the command runs, so that each starts fast."""

import os
import sys
from collections.abc import Sequence
from typing import Final

from cyclopts import App, CycloptsError, Parameter

_COMMANDS: Final = {
    "run": ("run:run", "Run the service, with all of its roles or some."),
    "migrate": ("database:migrate", "Upgrade the database to the newest schema."),
    "sandbox": ("sandbox:sandbox", "Run a simulator of the payment provider."),
    "publish": ("publish:publish", "Publish shop events from a file to Kafka."),
    "outcomes": ("outcomes:outcomes", "Follow the outcomes, one line each."),
    "notification-urls": (
        "notification_urls:notification_urls",
        "Print the addresses for the providers' notifications.",
    ),
    "settings": ("settings:settings", "Print the effective settings, secrets masked."),
    "pause": ("pause:pause", "Stop calls to a provider; incoming events wait."),
    "pauses": ("pause:pauses", "List the pauses."),
    "resume": ("pause:resume", "End a pause."),
    "restored": ("database:restored", "Record that the database was restored from a backup."),
    "version": ("version:version", "Print the version."),
}
_ORDER: Final = {
    "list": ("order_list:list_", "List orders: by status, attention, what they wait for, or any id."),
    "show": ("orders:show", "Print an order with its journal."),
    "explain": ("order_explain:explain", "Say in sentences what an order waits for, and what to do."),
    "check": ("order_explain:check", "Compare an order with the provider's books, now."),
    "settle": ("settle:settle", "Record the result of a stuck operation."),
}
_ATTENTION: Final = {
    "list": ("attentions:list_", "List open requests to an operator."),
    "show": ("attentions:show", "Print an attention, with what to do."),
    "resolve": ("attentions:resolve", "Close an attention that you have looked into."),
}
_DEAD_LETTERS: Final = {
    "list": ("dead_letters:list_", "List the inputs that couldn't be processed, without their content."),
    "show": ("dead_letters:show", "Print a dead letter."),
    "replay": ("dead_letters:replay", "Process a dead letter again, as it is or repaired."),
    "discard": ("dead_letters:discard", "Discard a dead letter permanently."),
}
_TOPICS: Final = {"create": ("topics:create", "Create the topics that are missing.")}


def _with_commands(app: App, commands: dict[str, tuple[str, str]]) -> App:
    for name, (function, text) in commands.items():
        app.command(f"{__name__}.{function}", name=name, help=text)
    return app


def _version() -> str:
    from ordersaga.cli.version import installed_version

    return installed_version()


app: Final = App(
    name="ordersaga",
    help="Carries out at the payment provider what happens to an order in the shop, exactly once.",
    help_format="plaintext",
    default_parameter=Parameter(negative=()),
    version=_version,
)
_with_commands(app, _COMMANDS)
app.command(
    _with_commands(App(name="order", help="List, show and explain orders, and settle a stuck operation."), _ORDER)
)
app.command(_with_commands(App(name="attention", help="Open requests to an operator."), _ATTENTION))
app.command(_with_commands(App(name="dead-letters", help="Inputs that couldn't be processed."), _DEAD_LETTERS))
app.command(_with_commands(App(name="topics", help="Kafka's topics."), _TOPICS))


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 success, 1 failure, 2 a wrong setting or command line, 130 interrupted."""
    from ordersaga.cli.output import CommandError
    from ordersaga.operating.errors import OperatingError
    from ordersaga.store.errors import StoreError

    try:
        result = app(arguments, result_action="return_value", exit_on_error=False)
        sys.stdout.flush()
    except CycloptsError:  # cyclopts has printed it
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python reports it again when it exits
        return 1
    except (CommandError, OperatingError, StoreError) as error:
        return _failed(error)
    return result if isinstance(result, int) else 0


def _failed(error: Exception) -> int:
    """Prints one line. The exit code."""
    from ordersaga.store.errors import SettingError

    if isinstance(error, SettingError):
        sys.stderr.write(f"ORDERSAGA_DATABASE: {error}\n")
        return 2
    sys.stderr.write(f"{error}\n")
    return int(getattr(error, "code", 1))
