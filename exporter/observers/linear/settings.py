"""Settings of the Linear client. No setting holds the API key itself."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, model_validator

from exporter.fields import DurationField, FileName, Section, Url, in_unit
from exporter.httpclient.auth import read_secret_file, read_secret_variable
from slos.schema.units import Duration

MAX_PAGE_SIZE = 250
"""Maximum of `first` that Linear accepts."""
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_KEY_PREFIX = "lin_"


def _refuse_key(value: str) -> str:
    """Refuse a key in the place of its file or variable, without repeating it."""
    if value.startswith(_KEY_PREFIX):
        raise ValueError(
            "this looks like a key; write the name of the file or variable that holds it"
        )
    return value


def _check_variable_name(value: str) -> str:
    if not _VARIABLE.fullmatch(value):  # not shown: it may be a key in the wrong place
        raise ValueError(
            "this is not the name of an environment variable; write it like LINEAR_API_KEY"
        )
    return value


class LinearSettings(Section):
    """Settings of the Linear client: endpoint, key and rate limit."""

    model_config = ConfigDict(hide_input_in_errors=True)

    url: Url = "https://api.linear.app/graphql"
    """GraphQL endpoint. Default https://api.linear.app/graphql."""
    key_file: Annotated[FileName, AfterValidator(_refuse_key)] | None = None
    """File with the API key, relative to the configuration. Exactly one of this and `key_env` must
    be set. It is read again when Linear refuses the key, so that a rotated key takes effect."""
    key_env: Annotated[str, AfterValidator(_check_variable_name)] | None = None
    """Environment variable with the API key."""
    requests_per_hour: int = Field(
        default=600, ge=10, le=1_000_000, json_schema_extra=in_unit("requests per hour")
    )
    """Maximum number of requests per hour, over all uses. Default 600, one every 6 s: Linear allows
    2,500 per hour (fewer in small workspaces) for all keys of one user together, and agent-sre may
    share that user."""
    timeout: DurationField = Duration.from_parts(seconds=10)
    """Time for one request. Default 10s."""
    page_size: int = Field(
        default=MAX_PAGE_SIZE, ge=1, le=MAX_PAGE_SIZE, json_schema_extra=in_unit("issues")
    )
    """Issues per request. Default 250, the maximum at Linear: the number of requests is the limit
    that matters. A full page costs less than a tenth of the 10,000 points that one query may
    cost."""

    @model_validator(mode="before")
    @classmethod
    def _require_mapping(cls, value: object) -> object:
        """Refuse a key in the place of the section, without repeating it."""
        if isinstance(value, str):
            raise ValueError(  # noqa: TRY004 - pydantic takes a ValueError
                "expected a mapping of keys, not text; put the key into a file and set key_file"
            )
        return value

    @model_validator(mode="after")
    def _check_single_key(self) -> "LinearSettings":
        if (self.key_file is None) == (self.key_env is None):
            raise ValueError(
                "exactly one of key_file and key_env must be set; "
                "for example key_file: /run/secrets/linear"
            )
        return self


def read_key(
    settings: LinearSettings, *, folder: Path, environ: Mapping[str, str] | None = None
) -> SecretStr:
    """Read the key from its file or environment variable.

    Args:
        settings: settings that name the file or the variable.
        folder: folder that a relative `key_file` starts from.
        environ: the environment; that of this process when None.

    Raises:
        CredentialsError: there is no key, or none that can be sent.
    """
    if settings.key_env is not None:
        variables = os.environ if environ is None else environ
        return SecretStr(read_secret_variable("key_env", settings.key_env, variables))
    return SecretStr(read_secret_file("key_file", folder / str(settings.key_file)))
