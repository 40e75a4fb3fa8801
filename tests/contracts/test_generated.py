"""Code that generators make of the schemas: it compiles strictly, accepts all valid examples and refuses invalid ones.

The generators are datamodel-code-generator for Python, and json-schema-to-typescript, checked by typescript, for TypeScript.
"""

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema.exceptions import ValidationError
from pydantic import TypeAdapter

from downloads import needs_node, node_packages, python_packages

from .cases import Case, invalid_cases, valid_cases
from .schemas import CONTRACTS, current, errors, schema_of

SCHEMAS = CONTRACTS / "schemas"
GENERATORS = Path(__file__).parent / "generators"

# What classes and types can't express, by the rule that it is about.
_DEPENDENT = {
    "shop.order.placed.v1/invalid-tokenize-without-authorization",
    "shop.order.placed.v1/invalid-two-ways-of-payment",
    "envelope/invalid-captured-with-error",
    "envelope/invalid-rejected-without-error",
}
_NULL_FOR_ABSENT = {  # an absent field of a pydantic model is None, so null is accepted
    "payments.order.captured.v1/invalid-capture-id-null",
    "payments.order.rejected.v1/invalid-error-null",
    "shop.order.cancelled.v1/invalid-null-lines",
    "shop.order.customer_token_cancelled.v1/invalid-null",
    "shop.order.placed.v1/invalid-null-for-absent",
}
_ONE_OF_SEVERAL = {  # json2ts ignores an anyOf that only requires
    "shop.order.address_changed.v1/invalid-neither",
    "shop.order.reference_changed.v1/invalid-neither",
}
_OF_VALUES = {"pattern", "minLength", "maxLength", "minimum", "maximum"}
_STRICT = {"strict": True, "exactOptionalPropertyTypes": True, "noEmit": True, "types": [], "target": "es2022"}
_ERROR = re.compile(r"^(?:.*/)?case(\d+)\.ts\(\d+,\d+\): error", re.MULTILINE)


def run(*command: str | Path, folder: Path, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=folder, env=os.environ | (environment or {}), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def file_of(case: Case) -> str:
    return schema_of(case.type).removesuffix(".json")


def type_of(case: Case) -> str:
    """The name that generators make of the schema's title."""
    title: str = current()[schema_of(case.type)]["title"]
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[\W_]", title))


def name_of(case: Case) -> str:
    return f"{case.type}/{case.name}"


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a package of pydantic models, which can be imported as `generated`."""
    folder = tmp_path_factory.mktemp("python")
    kind = "--input-file-type jsonschema --output-model-type pydantic_v2.BaseModel --target-python-version 3.11"
    style = "--use-title-as-name --use-annotated --use-type-alias --enum-field-as-literal all --formatters builtin"
    options = [*kind.split(), *style.split(), "--strict-types", "str", "int", "bool"]
    packages = {"PYTHONPATH": str(python_packages("generators/python", GENERATORS / "python.lock"))}
    files = ["--input", str(SCHEMAS), "--output", "generated"]
    run(sys.executable, "-m", "datamodel_code_generator", *files, *options, folder=folder, environment=packages)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


def test_generated_python_is_strictly_typed(classes: Path) -> None:
    run(sys.executable, "-m", "mypy", "--strict", "--no-incremental", "generated", folder=classes)


@pytest.mark.usefixtures("classes")
def test_generated_python_accepts_the_valid_examples_and_refuses_the_invalid_ones() -> None:
    assert [name_of(case) for case in valid_cases() if is_refused(case)] == []
    assert {name_of(case) for case in invalid_cases() if not is_refused(case)} == _DEPENDENT | _NULL_FOR_ABSENT


def is_refused(case: Case) -> bool:
    module = importlib.import_module(f"generated.{file_of(case).replace('.', '_')}")
    model: TypeAdapter[Any] = TypeAdapter(getattr(module, type_of(case)))
    try:
        model.validate_json(case.data)
    except ValueError:
        return True
    return False


@needs_node
def test_generated_typescript_accepts_the_valid_examples_and_refuses_the_invalid_ones(tmp_path: Path) -> None:
    programs = node_packages("generators/typescript", GENERATORS / "typescript" / "package.json") / "node_modules/.bin"
    run(
        programs / "json2ts", "-i", f"{SCHEMAS}/*.json", "-o", tmp_path / "generated", "--cwd", SCHEMAS, folder=tmp_path
    )
    cases = [*valid_cases(), *invalid_cases()]
    for number, case in enumerate(cases):
        name = type_of(case)
        imported = f'import type {{ {name} }} from "./generated/{file_of(case)}";'
        (tmp_path / f"case{number}.ts").write_text(f"{imported}\nexport const it: {name} = {case.data.decode()};\n")
    options = _STRICT | {"module": "es2022", "moduleResolution": "bundler"}
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["**/*.ts"]}))
    done = subprocess.run(
        [programs / "tsc", "-p", ".", "--pretty", "false"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    refused = {name_of(cases[int(number)]) for number in _ERROR.findall(done.stdout)}
    assert len(_ERROR.findall(done.stdout)) == done.stdout.count(": error"), "an error in the generated code"
    expected = {name_of(case) for case in invalid_cases() if not is_about_values(case)}
    assert refused == expected - _DEPENDENT - _ONE_OF_SEVERAL, done.stdout


def is_about_values(case: Case) -> bool:
    """Whether only a value is wrong, such as a negative amount: types of TypeScript have no bounds and no integers."""
    return all(_is_about_a_value(error) for error in errors(case.type, json.loads(case.data)))


def _is_about_a_value(error: ValidationError) -> bool:
    return error.validator in _OF_VALUES or (error.validator_value == "integer" and isinstance(error.instance, float))
