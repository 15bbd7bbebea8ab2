"""TLS context of an HTTP client, rebuilt when its files change."""

import ssl
from pathlib import Path

from exporter.httpclient.settings import TlsSettings
from exporter.reload import FileWatcher


class TlsFileError(Exception):
    """Certificate, key or CA file that cannot be used.

    Attributes:
        key: the setting that names the file.
        reason: what is wrong.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


def build_client_context(tls: TlsSettings, folder: Path) -> ssl.SSLContext:
    """Build a TLS context from the settings.

    Raises:
        TlsFileError: a file cannot be read, or has the wrong content.
    """
    context = (
        ssl.create_default_context()
        if tls.ca_file is None
        else _trust_ca_file(folder / tls.ca_file)
    )
    if tls.cert_file and tls.key_file:
        certificate, key = folder / tls.cert_file, folder / tls.key_file
        for name, file in (("tls.cert_file", certificate), ("tls.key_file", key)):
            _check_readable(name, file)
        try:
            # An empty password keeps OpenSSL from asking for one on the terminal.
            context.load_cert_chain(certificate, key, password="")
        except (OSError, ValueError) as error:
            reason = "cert_file and key_file are not a certificate and its unencrypted key"
            raise TlsFileError("tls.cert_file", reason) from error
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _trust_ca_file(file: Path) -> ssl.SSLContext:
    _check_readable("tls.ca_file", file)
    try:
        return ssl.create_default_context(cafile=file)
    except (OSError, ValueError) as error:
        raise TlsFileError("tls.ca_file", "the file contains no PEM certificate") from error


def _check_readable(key: str, file: Path) -> None:
    try:
        file.read_bytes()
    except OSError as error:
        raise TlsFileError(key, f"cannot read the file: {error.strerror}") from error


class RenewingTlsContext:
    """TLS context of one server, rebuilt when one of its files has changed."""

    def __init__(self, tls: TlsSettings, folder: Path) -> None:
        self._tls = tls
        self._folder = folder
        self._context: ssl.SSLContext | None = None
        names = (tls.ca_file, tls.cert_file, tls.key_file)
        self._watcher = FileWatcher(folder / name for name in names if name)

    def get_context(self) -> ssl.SSLContext:
        """Return the context to use now.

        When the files are in the middle of a renewal, the previous context is kept; the next
        change of a file is tried again.

        Raises:
            TlsFileError: there was never a usable context.
        """
        if self._watcher.check_changed() or self._context is None:
            try:
                self._context = build_client_context(self._tls, self._folder)
            except TlsFileError:
                if self._context is None:
                    raise
        return self._context
