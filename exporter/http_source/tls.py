"""TLS from files that may be renewed while we run."""

import ssl
from pathlib import Path

from exporter.http_source.settings import Tls

_Marks = list[tuple[int, int, int]]


class TlsFileError(Exception):
    """A file is no good for TLS.

    Attributes:
        key: which setting names it.
        why: what is wrong.
    """

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key}: {why}")
        self.key = key
        self.why = why


def context(tls: Tls, folder: Path) -> ssl.SSLContext:
    """A context as the settings want it.

    Raises:
        TlsFileError: a file cannot be read, or does not hold what it should.
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
    """The context of one source; it is made anew when a file behind it has changed."""

    def __init__(self, tls: Tls, folder: Path) -> None:
        self._tls = tls
        self._folder = folder
        self._marks: _Marks | None = None
        self._context: ssl.SSLContext | None = None

    def current(self) -> ssl.SSLContext:
        """The context to use now.

        A renewal that finds the files half written goes on with what it has; the next request
        looks again.

        Raises:
            TlsFileError: there never was a good one.
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
        """What tells one state of the files from another; None when one is missing."""
        names = (self._tls.ca_file, self._tls.cert_file, self._tls.key_file)
        try:
            states = [(self._folder / name).stat() for name in names if name]
        except OSError:
            return None
        return [(state.st_ino, state.st_size, state.st_mtime_ns) for state in states]
