"""TLS for the prober's own listener, with certificates that may be renewed at any time.

A certificate lives for weeks and the prober for months. So each handshake looks whether the
files have changed, as the exporters written in Go do.
"""

import logging
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger(__name__)
_Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Tls:
    """What the listener presents and what it asks of its clients."""

    cert: Path
    key: Path
    client_ca: Path | None = None
    verify: ssl.VerifyMode = ssl.CERT_NONE
    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: tuple[str, ...] = ()
    """Names of OpenSSL for TLS 1.2, in order of preference; none leaves the choice to it."""
    server_chooses: bool = True

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that a context is built from."""
        return (self.cert, self.key, *([self.client_ca] if self.client_ca else []))


def build(tls: Tls) -> ssl.SSLContext:
    """A context for one state of the files.

    Raises:
        OSError: a file cannot be read, or not be used (`ssl.SSLError`).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _set_rules(context, tls)
    # A key with a passphrase must fail, not ask on the terminal.
    context.load_cert_chain(tls.cert, tls.key, password=lambda: "")
    if tls.client_ca:
        context.load_verify_locations(tls.client_ca)
    return context


def _set_rules(context: ssl.SSLContext, tls: Tls) -> None:
    """Everything but the files; OpenSSL takes it from the context a connection began with."""
    context.verify_mode = tls.verify
    context.minimum_version = tls.minimum
    context.maximum_version = tls.maximum
    # A resumed session is not verified again: a client whose CA was taken away could go on.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    if tls.server_chooses:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if tls.ciphers:
        context.set_ciphers(":".join(tls.ciphers))


class ServerTls:
    """A context to listen with, whose connections always get the newest certificates."""

    def __init__(self, tls: Tls) -> None:
        """Load the files.

        Raises:
            OSError: as `build`.
        """
        self._tls = tls
        self._seen = _stamp(tls)
        self._newest = build(tls)
        self.context = build(tls)
        """To listen with; the same object for ever."""
        self.context.sni_callback = self._greet

    def adopt(self, tls: Tls) -> None:
        """Go on with other settings, from the next connection on.

        Raises:
            OSError: as `build`; the old settings stay.
        """
        seen = _stamp(tls)
        self._newest = build(tls)
        self._tls, self._seen = tls, seen
        _set_rules(self.context, tls)

    def _greet(self, connection: ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        """Called by OpenSSL for every hello, with a server name or without."""
        self._refresh()
        connection.context = self._newest

    def _refresh(self) -> None:
        seen = _stamp(self._tls)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._newest = build(self._tls)
        except OSError as error:
            # Half of a renewal, most likely: the other half changes the stamp once more.
            _log.warning("certificate %s: %s; the one before stays", self._tls.cert, why(error))
        else:
            _log.info("certificate %s: loaded anew", self._tls.cert)


def why(error: OSError) -> str:
    """What was wrong with a file, in the words of the system or of OpenSSL; never its content."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not usable").replace("_", " ").lower()
    return os.strerror(error.errno) if error.errno else "not readable"


def _stamp(tls: Tls) -> _Stamp:
    """What changes when a file does; a file that is gone has a stamp as well."""
    return tuple(_file_stamp(path) for path in tls.files)


def _file_stamp(path: Path) -> tuple[int, int, int]:
    try:
        state = path.stat()
    except OSError:
        return (0, 0, 0)
    return (state.st_mtime_ns, state.st_size, state.st_ino)
