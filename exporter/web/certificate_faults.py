"""Check of the listener's TLS files, file by file."""

import ssl
from collections.abc import Iterator
from pathlib import Path

from exporter.web.certificates import Tls, build, why

Fault = tuple[str, str, str]
"""Key of the setting, message and hint."""


def faults(tls: Tls) -> list[Fault]:
    """List all problems of the files; empty when a context can be built from them."""
    named = {"cert_file": tls.cert, "key_file": tls.key, "client_ca_file": tls.client_ca}
    found = [fault for key, path in named.items() if path for fault in _alone(key, path)]
    return found or list(_together(tls))


def _alone(key: str, path: Path) -> Iterator[Fault]:
    """Check one file by itself."""
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = why(error) if isinstance(error, OSError) else "no file can have that name"
        yield key, f"cannot read {path}: {reason}", ""
        return
    if key == "key_file":
        if b"ENCRYPTED" in data:
            hint = "write it without one; nobody is there to type it"
            yield key, f"the key in {path} has a passphrase", hint
        elif b"PRIVATE KEY-----" not in data:
            yield key, f"{path} holds no private key", "write the key in PEM"
    elif not _holds_certificates(path):
        yield key, f"{path} holds no certificate", "write certificates in PEM"


def _holds_certificates(path: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(path)
    except OSError:
        return False
    return True


def _together(tls: Tls) -> Iterator[Fault]:
    """Check that the files work together."""
    try:
        build(tls)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            hint = "the first certificate in cert_file must be the one of this key"
            yield "key_file", "the key does not belong to the certificate", hint
        else:
            yield "cert_file", f"certificate and key cannot be used: {why(error)}", ""
    except OSError as error:  # removed since it was read
        yield "cert_file", f"certificate and key cannot be used: {why(error)}", ""
