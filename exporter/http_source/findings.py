"""Check of the credential and TLS files of an HTTP client at start-up."""

from collections.abc import Iterable
from pathlib import Path

from exporter.http_source.credentials import CredentialsError, read_secret, secret_files
from exporter.http_source.settings import SourceSettings
from exporter.http_source.tls import TlsFileError, context


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
