"""Credentials from files, and their check at start-up."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from exporter.httpclient.settings import SourceSettings
from exporter.httpclient.tls import TlsFileError, context


class CredentialsError(Exception):
    """Secret that cannot be read.

    Attributes:
        key: the setting that names the file, with dots between sections.
        reason: what is wrong, without the content of the file.
    """

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key}: {why}")
        self.key = key
        self.why = why


def secret_files(settings: SourceSettings) -> Iterator[tuple[str, str]]:
    """List the files that hold a secret, as pairs of setting and file name."""
    if settings.basic_auth:
        yield "basic_auth.password_file", settings.basic_auth.password_file
    if settings.bearer_auth:
        yield "bearer_auth.token_file", settings.bearer_auth.token_file
    for name, file in settings.headers_from_files.items():
        yield f"headers_from_files.{name}", file


def read_secret(key: str, path: Path) -> str:
    """Read the only line of a file, without surrounding white space.

    Raises:
        CredentialsError: the file cannot be read, or does not hold exactly one line.
    """
    try:
        text = path.read_bytes().decode().strip()
    except OSError as error:
        raise CredentialsError(key, f"cannot read {path}: {error.strerror}") from error
    except ValueError:
        raise CredentialsError(key, f"{path} is not text") from None  # its cause quotes the bytes
    if not text:
        raise CredentialsError(key, f"{path} is empty")
    if not text.isprintable():
        raise CredentialsError(key, f"{path} holds more than one line of text")
    if not text.isascii() and not key.startswith("basic_auth."):
        raise CredentialsError(key, f"{path} is not ASCII, as a header must be")
    return text


def headers(settings: SourceSettings, folder: Path) -> Mapping[str, str]:
    """Build the headers of a request, secrets included.

    Raises:
        CredentialsError: a file cannot be read.
    """
    secrets = {key: read_secret(key, folder / file) for key, file in secret_files(settings)}
    found = dict(settings.headers)
    for name in settings.headers_from_files:
        found[name] = secrets[f"headers_from_files.{name}"]
    if settings.bearer_auth:
        found["Authorization"] = f"Bearer {secrets['bearer_auth.token_file']}"
    if settings.basic_auth:
        pair = f"{settings.basic_auth.username}:{secrets['basic_auth.password_file']}"
        found["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return found


def findings(settings: SourceSettings, folder: Path) -> Iterable[tuple[str, str, str]]:
    """List the problems of the credential and TLS files, as key, message and hint.

    Args:
        settings: of the HTTP client.
        folder: folder of the configuration file; file names are relative to it.

    A key has dots between sections (`tls.ca_file`).
    """
    for key, file in secret_files(settings):
        try:
            read_secret(key, folder / file)
        except CredentialsError as error:
            yield key, error.why, "mount the secret, or correct the name"
    if settings.url.startswith("https:"):
        try:
            context(settings.tls, folder)
        except TlsFileError as error:
            yield error.key, error.why, "mount the file, or correct the name"
