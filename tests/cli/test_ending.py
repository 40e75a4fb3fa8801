"""A process ends in time, whether or not anybody reads its log."""

import os
import subprocess
import sys
from typing import Final

import pytest

_HANGS: Final = """
import time
from ordersaga import telemetry
from ordersaga.cli.ending import Ending

telemetry.configure_logs()
Ending(0.1).begin(3)
time.sleep(60)
"""


def _fill(pipe: int) -> None:
    os.set_blocking(pipe, False)
    try:
        while True:
            os.write(pipe, b"x" * 4_096)
    except BlockingIOError:
        os.set_blocking(pipe, True)


def _exit_code(stderr: int) -> int:
    with subprocess.Popen([sys.executable, "-c", _HANGS], stderr=stderr) as process:
        try:
            return process.wait(15)
        finally:
            process.kill()


def test_it_says_what_is_left() -> None:
    done = subprocess.run([sys.executable, "-c", _HANGS], stderr=subprocess.PIPE, timeout=15, check=False)
    assert done.returncode == 3
    assert b"connections can't be closed in time" in done.stderr


@pytest.mark.parametrize("full", [False, True], ids=["the reader is gone", "the reader doesn't read"])
def test_a_log_that_can_not_be_written_does_not_keep_it(full: bool) -> None:
    reading, writing = os.pipe()
    if full:
        _fill(writing)
    else:
        os.close(reading)
    try:
        assert _exit_code(writing) == 3
    finally:
        os.close(writing)
        if full:
            os.close(reading)
