"""Where settings come from: the environment, secrets as files, a TOML file; the earlier wins."""

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
Misfit = tuple[tuple[str, ...], str]
"""Where, and what is wrong there."""


class Sources(BaseSettings):
    """What all kinds of settings share: where they come from, and that all that doesn't fit together is told at once."""

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

    def misfits(self) -> Iterator[Misfit]:
        """What is right by itself and wrong together."""
        yield from ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        wrong = [
            InitErrorDetails(type=PydanticCustomError("misfit", message), loc=place, input=None)
            for place, message in self.misfits()
        ]
        if wrong:
            raise ValidationError.from_exception_data(type(self).__name__, wrong)
        return self


def _existing(file: str) -> str:
    """A file that is asked for and isn't there is no empty one."""
    with open(file, "rb"):  # noqa: PTH123 - only to see that it can be read
        return file
