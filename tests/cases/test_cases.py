"""Public bug reports as cases, on a real Kafka, a real Postgres, the sandbox and the service."""

from pathlib import Path

import pytest

from . import checks
from .conftest import Shared
from .files import Case, cases
from .runner import Run


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in cases() if case.action is None])
async def test_a_case_ends_as_expected(shared: Shared, case: Case) -> None:
    run = Run(shared.play, shared.producer, case)
    await run.complete()
    problems = await checks.problems_of(run)
    assert not problems, "\n".join([case.why, *problems])


@pytest.mark.parametrize("action", [case.action["action"] for case in cases() if case.action])
def test_an_action_has_a_test_module_of_its_own(action: str) -> None:
    module = Path(__file__).with_name(f"test_{action.replace('-', '_')}.py")
    assert f'case_of("{action}")' in module.read_text()
