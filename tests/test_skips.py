"""What a test lacks is a failure in CI, wherever pytest is told to skip."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_TESTS = """\
import pytest

@pytest.fixture
def server():
    pytest.skip("no server")

def test_called():
    pytest.skip("no tool")

@pytest.mark.skipif(True, reason="no root")
def test_marked():
    pass

def test_given(server):
    pass

@pytest.mark.xfail
def test_expected_to_fail():
    raise AssertionError
"""


@pytest.mark.parametrize(("ci", "ends"), [("", "4 skipped, 1 xfailed"), ("true", "1 failed, 1 xfailed, 3 errors")])
def test_a_skip_fails_in_ci(tmp_path: Path, ci: str, ends: str) -> None:
    (tmp_path / "test_it.py").write_text(_TESTS)
    (tmp_path / "test_without_a_package.py").write_text('import pytest\n\npytest.importorskip("of_nobody")\n')
    options = ["-p", "conftest", "-p", "no:cacheprovider", "--continue-on-collection-errors", "--rootdir", "."]
    environment = os.environ | {"CI": ci, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "pytest", *options]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ends in done.stdout.splitlines()[-1]
