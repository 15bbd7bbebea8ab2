"""TLS context of an HTTP client, rebuilt when its files change."""

import ssl
from pathlib import Path

from exporter.httpclient.settings import Tls

_Marks = list[tuple[int, int, int]]


class TlsFileError(Exception):
    """Certificate, key or CA file that cannot be used.

    Attributes:
        key: the setting that names the file.
        reason: what is wrong.
    """

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key}: {why}")
        self.key = key
        self.why = why


def context(tls: Tls, folder: Path) -> ssl.SSLContext:
    """Build a TLS context from the settings.

    Raises:
        TlsFileError: a file cannot be read, or has the wrong content.
    """
    made = ssl.create_default_context() if tls.ca_file is None else _trusting(folder / tls.ca_file)
    if tls.cert_file and tls.key_file:
        certificate, key = folder / tls.cert_file, folder / tls.key_file
        for name, file in (("tls.cert_file", certificate), ("tls.key_file", key)):
            _check_readable(name, file)
        try:
            # An empty password keeps OpenSSL from asking for one on the terminal.
            made.load_cert_chain(certificate, key, password="")
        except (OSError, ValueError) as error:
            why = f"{certificate} and {key} are no certificate with its key, not encrypted"
            raise TlsFileError("tls.cert_file", why) from error
    if tls.insecure_skip_verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def _trusting(file: Path) -> ssl.SSLContext:
    _check_readable("tls.ca_file", file)
    try:
        return ssl.create_default_context(cafile=file)
    except (OSError, ValueError) as error:
        raise TlsFileError("tls.ca_file", f"{file} holds no certificate in PEM") from error


def _check_readable(key: str, file: Path) -> None:
    try:
        file.read_bytes()
    except OSError as error:
        raise TlsFileError(key, f"cannot read {file}: {error.strerror}") from error


class Renewing:
    """TLS context of one server, rebuilt when one of its files has changed."""

    def __init__(self, tls: Tls, folder: Path) -> None:
        self._tls = tls
        self._folder = folder
        self._marks: _Marks | None = None
        self._context: ssl.SSLContext | None = None

    def current(self) -> ssl.SSLContext:
        """Return the context to use now.

        When the files are in the middle of a renewal, the previous context is kept; the next
        request checks again.

        Raises:
            TlsFileError: there was never a usable context.
        """
        marks = self._look()
        if self._context is None or marks is None or marks != self._marks:
            try:
                self._context = context(self._tls, self._folder)
                self._marks = marks
            except TlsFileError:
                if self._context is None:
                    raise
        return self._context

    def _look(self) -> _Marks | None:
        """Return the stamps that identify the state of the files; None when a file is missing."""
        names = (self._tls.ca_file, self._tls.cert_file, self._tls.key_file)
        try:
            states = [(self._folder / name).stat() for name in names if name]
        except OSError:
            return None
        return [(state.st_ino, state.st_size, state.st_mtime_ns) for state in states]
