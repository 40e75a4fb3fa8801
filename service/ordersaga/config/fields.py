"""Every setting by its name: its description, its default, and how to set it."""

import types
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, Union, get_args, get_origin

from msgspec import Struct
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from ordersaga.config.parts import SECONDS
from ordersaga.config.settings import Settings
from ordersaga.config.sources import PREFIX

ANY: Final = "<NAME>"
"""A placeholder for a merchant's name."""


class Setting(Struct, frozen=True):
    """`path`: its name and those of the parts around it; `default` None: it has none."""

    path: tuple[str, ...]
    description: str
    default: str | None
    required: bool
    secret: bool
    seconds: bool
    choices: tuple[str, ...]
    example: str | None

    @property
    def name(self) -> str:
        return name_of(self.path)


def name_of(path: Sequence[object]) -> str:
    """The name of the environment variable."""
    return PREFIX + "__".join(str(part) for part in path).upper()


def all_settings(model: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[Setting]:
    """The settings themselves, without the parts that contain them, in the order of the classes."""
    for name, field in model.model_fields.items():
        here = (*path, name)
        part = _part_of(field.annotation)
        if part is None or field.examples:
            yield _setting(here, field)
        if part is not None:
            yield from all_settings(part, (*here, ANY) if get_origin(field.annotation) is dict else here)


def find(path: Sequence[object]) -> Setting | None:
    """`path`: with the name of any merchant."""
    wanted = tuple(str(part) for part in path)
    return next((one for one in all_settings() if _leads_to(one.path, wanted)), None)


def _leads_to(path: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    return len(path) == len(wanted) and all(ours in {ANY, theirs} for ours, theirs in zip(path, wanted, strict=True))


def _setting(path: tuple[str, ...], field: FieldInfo) -> Setting:
    kinds = list(_kinds(field.annotation))
    choices = [str(choice) for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    return Setting(
        path=path,
        description=(field.description or "").replace("\n", " "),
        default=_default(field),
        required=field.is_required(),
        secret=SecretStr in kinds,
        seconds=field.json_schema_extra == SECONDS,
        choices=tuple(choices),
        example=field.examples[0] if field.examples else None,
    )


def _default(field: FieldInfo) -> str | None:
    if field.default_factory is not None:
        return "the host's name"
    if field.is_required() or field.default is None:
        return None
    value = field.default
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types within an annotation, without unions and `Annotated`."""
    origin = get_origin(annotation)
    if origin in {Union, types.UnionType}:
        for one in get_args(annotation):
            yield from _kinds(one)
    elif hasattr(annotation, "__metadata__"):
        yield from _kinds(annotation.__origin__)
    else:
        yield annotation


def _part_of(annotation: Any) -> type[BaseModel] | None:
    for kind in _kinds(annotation):
        if get_origin(kind) is dict:
            return _part_of(get_args(kind)[1])
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None
