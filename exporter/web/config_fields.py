"""Field types of a `web.config.file`: hashes, headers, cipher suites, and unsupported keys.

No message repeats a value: it may be a password in the wrong place.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainValidator

_BCRYPT = re.compile(r"\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}")
_LOWEST_COST, _HIGHEST_COST = 4, 15
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")

# Suites of Go's crypto/tls.CipherSuites by the names OpenSSL has for them.
# https://pkg.go.dev/crypto/tls#pkg-constants
OPENSSL_NAMES = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
_OF_TLS_13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")


def _file_name(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("expected the name of a file; write it as text")
    if "\n" in value or "-----BEGIN" in value:
        raise ValueError("this is the text of a key or certificate; write the name of its file")
    return value


def _bcrypt_hash(value: object) -> str:
    found = _BCRYPT.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError("this is no bcrypt hash; make one with htpasswd -nBC 10 <user>")
    if not _LOWEST_COST <= int(found[1]) <= _HIGHEST_COST:
        raise ValueError(
            f"the cost of this hash is not between {_LOWEST_COST} and {_HIGHEST_COST}; "
            "10 takes about a tenth of a second, and each step doubles it"
        )
    return found[0]


def _users(value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    if not isinstance(value, dict):
        raise ValueError("expected a mapping; write one '<user>: <bcrypt hash>' a line")  # noqa: TRY004 - pydantic takes ValueError for a finding
    if any(isinstance(name, str) and ":" in name for name in value):
        raise ValueError("a user with ':' can never log in; HTTP ends the name there")
    return value


def _header_value(value: object) -> str:
    if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
        raise ValueError("this is no header value; write printable ASCII on one line")
    return value.strip()


def _one_of(*allowed: str) -> Callable[[str], str]:
    def check(value: object) -> str:
        text = _header_value(value)
        if text and text not in allowed:
            raise ValueError(f"this value has no meaning here; write {' or '.join(allowed)}")
        return text

    return check


def _client_auth(value: object) -> str:
    if value in ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert"):
        raise ValueError(
            f"{value} asks for a certificate and does not verify it, which proves nothing; "
            "write RequireAndVerifyClientCert"
        )
    if value not in ("NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"):
        raise ValueError(
            "this is no policy for client certificates; write NoClientCert, "
            "VerifyClientCertIfGiven or RequireAndVerifyClientCert"
        )
    return str(value)


def _version(value: object) -> str:
    if value in ("TLS10", "TLS11"):
        raise ValueError(f"{value} is broken and not spoken here; write TLS12 or TLS13")
    if value not in ("TLS12", "TLS13"):
        raise ValueError("this is no version of TLS; write TLS12 or TLS13")
    return str(value)


def _suite(value: object) -> str:
    if value not in OPENSSL_NAMES and value not in _OF_TLS_13:
        raise ValueError(f"this cipher suite is not known; known here: {', '.join(OPENSSL_NAMES)}")
    return str(value)


def refused(why: str) -> PlainValidator:
    """Build a validator that refuses an unsupported key of the format, for any value.

    Args:
        reason: "what is wrong; what to do".
    """

    def refuse(_: object) -> None:
        raise ValueError(why)

    return PlainValidator(refuse)


FileName = Annotated[str, PlainValidator(_file_name)]
BcryptHash = Annotated[str, PlainValidator(_bcrypt_hash)]
Users = Annotated[dict[str, BcryptHash], BeforeValidator(_users)]
HeaderValue = Annotated[str, PlainValidator(_header_value)]
FrameOptions = Annotated[str, PlainValidator(_one_of("deny", "sameorigin"))]
ContentTypeOptions = Annotated[str, PlainValidator(_one_of("nosniff"))]
Policy = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
ClientAuth = Annotated[Policy, BeforeValidator(_client_auth)]
Version = Annotated[Literal["TLS12", "TLS13"], BeforeValidator(_version)]
CipherSuite = Annotated[str, PlainValidator(_suite)]
