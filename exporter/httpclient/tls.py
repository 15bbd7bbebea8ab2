"""TLS context of an HTTP client, rebuilt when its files change."""

import ssl
from pathlib import Path

from exporter.httpclient.settings import TlsSettings

_FileStamps = list[tuple[int, int, int]]


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
            reason = f"{certificate} and {key} are not a certificate and its unencrypted key"
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
        raise TlsFileError("tls.ca_file", f"{file} contains no PEM certificate") from error


def _check_readable(key: str, file: Path) -> None:
    try:
        file.read_bytes()
    except OSError as error:
        raise TlsFileError(key, f"cannot read {file}: {error.strerror}") from error


class RenewingTlsContext:
    """TLS context of one server, rebuilt when one of its files has changed."""

    def __init__(self, tls: TlsSettings, folder: Path) -> None:
        self._tls = tls
        self._folder = folder
        self._stamps: _FileStamps | None = None
        self._context: ssl.SSLContext | None = None

    def get_context(self) -> ssl.SSLContext:
        """Return the context to use now.

        When the files are in the middle of a renewal, the previous context is kept; the next
        request checks again.

        Raises:
            TlsFileError: there was never a usable context.
        """
        stamps = self._stat_files()
        if self._context is None or stamps is None or stamps != self._stamps:
            try:
                self._context = build_client_context(self._tls, self._folder)
                self._stamps = stamps
            except TlsFileError:
                if self._context is None:
                    raise
        return self._context

    def _stat_files(self) -> _FileStamps | None:
        """Return the stamps that identify the state of the files; None when a file is missing."""
        names = (self._tls.ca_file, self._tls.cert_file, self._tls.key_file)
        try:
            states = [(self._folder / name).stat() for name in names if name]
        except OSError:
            return None
        return [(state.st_ino, state.st_size, state.st_mtime_ns) for state in states]
