"""TLS of a listener, with certificates that rotate."""

import logging
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from exporter.reload import FileWatcher

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ListenerTls:
    """TLS settings of the listener."""

    cert: Path
    key: Path
    client_ca: Path | None = None
    verify: ssl.VerifyMode = ssl.CERT_NONE
    min_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    max_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: tuple[str, ...] = ()
    """OpenSSL names of TLS 1.2 ciphers, in order of preference; empty means OpenSSL's default."""
    prefer_server_ciphers: bool = True

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that a context is built from."""
        return (self.cert, self.key, *([self.client_ca] if self.client_ca else []))


def build_server_context(tls: ListenerTls) -> ssl.SSLContext:
    """Build a context from the current files.

    Raises:
        OSError: a file cannot be read, or cannot be used (`ssl.SSLError`).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _apply_settings(context, tls)
    # A key with a passphrase must fail, not ask on the terminal.
    context.load_cert_chain(tls.cert, tls.key, password=lambda: "")
    if tls.client_ca:
        context.load_verify_locations(tls.client_ca)
    return context


def _apply_settings(context: ssl.SSLContext, tls: ListenerTls) -> None:
    """Apply all settings except the files; OpenSSL takes them from a connection's first context."""
    context.verify_mode = tls.verify
    context.minimum_version = tls.min_version
    context.maximum_version = tls.max_version
    # A resumed session is not verified again: a client whose CA was removed could still connect.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    if tls.prefer_server_ciphers:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if tls.ciphers:
        context.set_ciphers(":".join(tls.ciphers))


class ServerTlsContext:
    """TLS context of a listener whose new connections use the current certificates."""

    def __init__(self, tls: ListenerTls) -> None:
        """Load the files.

        Raises:
            OSError: as `build_server_context`.
        """
        self._tls = tls
        self._watcher = FileWatcher(
            tls.files
        )  # before they are loaded, so that no change is missed
        self._current = build_server_context(tls)
        self.context = build_server_context(tls)
        """Context for the listener; always the same object."""
        self.context.sni_callback = self._handle_client_hello

    def update(self, tls: ListenerTls) -> None:
        """Apply other settings from the next connection on.

        Raises:
            OSError: as `build_server_context`; the old settings stay.
        """
        watcher = FileWatcher(tls.files)
        self._current = build_server_context(tls)
        self._tls, self._watcher = tls, watcher
        _apply_settings(self.context, tls)

    def _handle_client_hello(
        self, connection: ssl.SSLObject, _name: str | None, _: ssl.SSLContext
    ) -> None:
        """Use the current context.

        OpenSSL calls it for every client hello, with a server name or without.
        """
        self._reload_if_changed()
        connection.context = self._current

    def _reload_if_changed(self) -> None:
        if not self._watcher.check_changed():
            return
        try:
            self._current = build_server_context(self._tls)
        except OSError as error:
            # Probably half of a renewal: the other half is a change again.
            _log.warning(
                "certificate %s: %s; the previous one stays in use",
                self._tls.cert,
                describe_tls_error(error),
            )
        else:
            _log.info("certificate %s: reloaded", self._tls.cert)


def describe_tls_error(error: OSError) -> str:
    """Describe the error of a file in the words of the system or of OpenSSL, never its content."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not usable").replace("_", " ").lower()
    return os.strerror(error.errno) if error.errno else "not readable"
