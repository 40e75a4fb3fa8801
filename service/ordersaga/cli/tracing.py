"""From settings to traces."""

from ordersaga.cli.output import CommandError
from ordersaga.cli.version import installed_version
from ordersaga.config import Settings
from ordersaga.telemetry import traces
from ordersaga.telemetry.traces_settings import TracesSettings


def start_traces(settings: Settings) -> None:
    """If they are on. Raises CommandError: OpenTelemetry isn't installed."""
    given = settings.traces
    if given.endpoint is None:
        return
    try:
        traces.start(
            TracesSettings(
                endpoint=f"{given.endpoint.rstrip('/')}/v1/traces",
                ratio=given.ratio,
                headers=given.header_values(),
                ca_file=None if given.ca_file is None else str(given.ca_file),
                instance=settings.instance,
                version=installed_version(),
            )
        )
    except ImportError as error:
        message = "ORDERSAGA_TRACES__ENDPOINT: OpenTelemetry isn't installed: install ordersaga with the extra `traces`"
        raise CommandError(message, 2) from error
