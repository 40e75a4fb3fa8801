"""The sources of settings: the environment, secrets as files, a TOML file; the earlier takes precedence."""

import os
from collections.abc import Iterator
from typing import Final, Self

from pydantic import ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

PREFIX: Final = "ORDERSAGA_"
CONFIG: Final = "ORDERSAGA_CONFIG"
SECRETS_DIR: Final = "ORDERSAGA_SECRETS_DIR"
Conflict = tuple[tuple[str, ...], str]
"""The path of a setting, and what is wrong with it."""


class Sources(BaseSettings):
    """The base of all kinds of settings: their sources, and the check for conflicts between settings."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - there are no dotenv files here
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        sources = [init_settings, env_settings]
        if folder := os.environ.get(SECRETS_DIR):
            sources.append(
                NestedSecretsSettingsSource(
                    file_secret_settings,
                    secrets_dir=folder,
                    secrets_dir_missing="error",
                    secrets_prefix="",
                    secrets_nested_delimiter="__",
                )
            )
        if file := os.environ.get(CONFIG):
            sources.append(TomlConfigSettingsSource(settings_cls, toml_file=_existing(file)))
        return tuple(sources)

    def conflicts(self) -> Iterator[Conflict]:
        """Settings that are valid on their own, but not together."""
        yield from ()

    @model_validator(mode="after")
    def _has_no_conflicts(self) -> Self:
        errors = [
            InitErrorDetails(type=PydanticCustomError("conflict", message), loc=path, input=None)
            for path, message in self.conflicts()
        ]
        if errors:
            raise ValidationError.from_exception_data(type(self).__name__, errors)
        return self


def _existing(file: str) -> str:
    """Raises OSError: pydantic-settings would treat a missing file as an empty one."""
    with open(file, "rb"):  # noqa: PTH123 - only to check that it can be read
        return file
