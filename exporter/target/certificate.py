"""Expiry of a certificate, parsed from its bytes. Pure.

The standard library reads the expiry only of certificates that it trusts. An expired certificate is
not trusted, and its expiry is the one to report.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

_SEQUENCE, _VERSION = 0x30, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_FORMATS = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}
_LONG = 0x80
_VALIDITY = 3
"""Index in a certificate without a version: after serial, signature and issuer."""


def expiry(der: bytes) -> float:
    """Parse the expiry of a certificate (X.509, DER) as seconds since 1970.

    Raises:
        ValueError: the bytes are no certificate.
    """
    try:
        signed = next(_parts(_inside(der)))[1]
        fields = list(_parts(signed))
        fields = fields[1:] if fields[0][0] == _VERSION else fields
        _, until = _parts(fields[_VALIDITY][1])
        written = datetime.strptime(until[1].decode("ascii"), _FORMATS[until[0]])  # noqa: DTZ007 - always UTC, set below
    except (IndexError, KeyError, StopIteration) as error:
        raise ValueError("these bytes are no certificate") from error
    return written.replace(tzinfo=UTC).timestamp()


def _inside(der: bytes) -> bytes:
    tag, content = next(_parts(der))
    if tag != _SEQUENCE:
        raise ValueError("a certificate begins with a sequence")
    return content


def _parts(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Iterate over the elements of a sequence, as tag and content.

    This is the part of DER that a certificate needs.
    """
    at = 0
    while at < len(der):
        tag, length = der[at], der[at + 1]
        at += 2
        if length >= _LONG:
            width = length - _LONG
            length = int.from_bytes(der[at : at + width], "big")
            at += width
        if at + length > len(der):
            raise ValueError("an element is longer than what holds it")
        yield tag, der[at : at + length]
        at += length
