"""The error of this package."""


class OperatingError(Exception):
    """A request that can't be carried out; nothing was changed. The message is one line: why not, and what to do."""
