"""Credentials of HTTP clients, read from files and variables, and checked at start-up."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from exporter.httpclient.settings import HttpClientSettings
from exporter.httpclient.tls import TlsFileError, build_client_context

_MAX_SECRET_BYTES = 16_384
"""Longest secret; servers refuse headers that are longer, and a wrong file may have no end."""


class CredentialsError(Exception):
    """Secret that cannot be read.

    Attributes:
        key: the setting that names the file, with dots between sections.
        reason: what is wrong, without the content of the file.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


def list_secret_files(settings: HttpClientSettings) -> Iterator[tuple[str, str]]:
    """List the files that hold a secret, as pairs of setting and file name."""
    if settings.basic_auth:
        yield "basic_auth.password_file", settings.basic_auth.password_file
    if settings.bearer_auth:
        yield "bearer_auth.token_file", settings.bearer_auth.token_file
    for name, file in settings.headers_from_files.items():
        yield f"headers_from_files.{name}", file


def read_secret_file(key: str, path: Path) -> str:
    """Read the only line of a file, without surrounding white space.

    No error shows the name of the file, which may be the secret itself in the wrong place.

    Raises:
        CredentialsError: the file cannot be read, or does not hold exactly one line.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_SECRET_BYTES + 1).decode()
    except OSError as error:
        raise CredentialsError(key, f"cannot read the file: {error.strerror}") from error
    except ValueError:
        raise CredentialsError(key, "the file is not text") from None  # its cause quotes the bytes
    return _check_secret(key, text, "the file")


def read_secret_variable(key: str, name: str, environ: Mapping[str, str]) -> str:
    """Read an environment variable, without surrounding white space.

    Raises:
        CredentialsError: the variable is not set, or does not hold exactly one line.
    """
    text = environ.get(name)
    if text is None:
        raise CredentialsError(key, f"environment variable {name} is not set")
    return _check_secret(key, text, f"environment variable {name}")


def _check_secret(key: str, text: str, place: str) -> str:
    text = text.strip()
    if not text:
        raise CredentialsError(key, f"{place} is empty")
    if not text.isprintable():
        raise CredentialsError(key, f"{place} has more than one line")
    if len(text) > _MAX_SECRET_BYTES:
        raise CredentialsError(key, f"{place} is longer than {_MAX_SECRET_BYTES // 1024} KiB")
    if not text.isascii() and not key.startswith("basic_auth."):
        raise CredentialsError(key, f"{place} is not ASCII, which a header requires")
    return text


def build_request_headers(settings: HttpClientSettings, folder: Path) -> Mapping[str, str]:
    """Build the headers of a request, secrets included.

    Raises:
        CredentialsError: a file cannot be read.
    """
    files = list_secret_files(settings)
    secrets = {key: read_secret_file(key, folder / file) for key, file in files}
    result = dict(settings.headers)
    for name in settings.headers_from_files:
        result[name] = secrets[f"headers_from_files.{name}"]
    if settings.bearer_auth:
        result["Authorization"] = f"Bearer {secrets['bearer_auth.token_file']}"
    if settings.basic_auth:
        pair = f"{settings.basic_auth.username}:{secrets['basic_auth.password_file']}"
        result["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return result


def check_connection_files(
    settings: HttpClientSettings, folder: Path
) -> Iterable[tuple[str, str, str]]:
    """List the problems of the credential and TLS files, as key, message and hint.

    Args:
        settings: of the HTTP client.
        folder: folder of the configuration file; file names are relative to it.

    A key has dots between sections (`tls.ca_file`).
    """
    for key, file in list_secret_files(settings):
        try:
            read_secret_file(key, folder / file)
        except CredentialsError as error:
            yield key, error.reason, "mount the secret or correct the name"
    if settings.url.startswith("https:"):
        try:
            build_client_context(settings.tls, folder)
        except TlsFileError as error:
            yield error.key, error.reason, "mount the file or correct the name"
