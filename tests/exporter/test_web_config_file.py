"""A web.config.file is read strictly, with all problems at once, and no secret is repeated."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from exporter.web.certificates import Tls
from exporter.web.config_file import WebConfig, read_web_config
from exporter.web.config_sections import WebFile
from slos.schema.problem import Position
from tests.exporter.tls_files import TlsFiles

HASH = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze"
TLS = "tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\n"


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    return TlsFiles(tmp_path)


def read(folder: Path, text: str) -> tuple[WebConfig | None, str]:
    file = folder / "web.yml"
    file.write_text(text)
    config, problems = read_web_config(file)
    assert (config is None) == bool(problems)
    return config, "\n".join(str(problem) for problem in problems).replace(f"{folder}/", "")


def good(folder: Path, text: str) -> WebConfig:
    config, told = read(folder, text)
    assert told == ""
    assert config is not None
    return config


def test_a_file_shared_with_other_exporters_is_fine(files: TlsFiles) -> None:
    text = f"""\
tls_server_config:
  cert_file: tls.crt
  key_file: tls.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: clients.pem
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
http_server_config:
  http2: true
  headers:
    X-Frame-Options: deny
    X-Content-Type-Options: nosniff
    Strict-Transport-Security: ""
basic_auth_users:
  alice: {HASH}
"""
    config = good(files.folder, text)
    assert config.tls == Tls(
        files.cert,
        files.key,
        files.client_ca,
        verify=ssl.CERT_REQUIRED,
        ciphers=("ECDHE-ECDSA-AES256-GCM-SHA384",),
        server_chooses=False,
    )
    assert config.headers == {"X-Frame-Options": "deny", "X-Content-Type-Options": "nosniff"}
    assert config.users == {"alice": HASH}
    assert config.files == (files.folder / "web.yml", files.cert, files.key, files.client_ca)


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}\n", "basic_auth_users: {}\n"])
def test_a_file_that_sets_nothing_protects_nothing(tmp_path: Path, text: str) -> None:
    config = good(tmp_path, text)
    assert (config.tls, config.headers, config.users) == (None, {}, {})
    assert config.files == (tmp_path / "web.yml",)


def test_every_setting_says_what_it_means() -> None:
    pending: list[type] = [WebFile]
    while pending:
        for name, field in pending.pop().model_fields.items():  # type: ignore[attr-defined]
            inner = [t for t in (field.annotation, *getattr(field.annotation, "__args__", ()))
                     if hasattr(t, "model_fields")]  # fmt: skip
            assert inner or field.description, name
            pending += inner


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a\n", ["expected a mapping of keys, not a list"]),
        ("tls_sever_config: {}\n", ["web.yml:1:1", "did you mean 'tls_server_config'?"]),
        ("tls_server_config: {}\n", ["cert_file' is missing", "key_file' is missing"]),
        (TLS.replace("tls.crt", "gone.crt"), ["web.yml:2:3", "cannot read gone.crt: No such file"]),
        (TLS.replace("tls.key", "."), ["web.yml:3:3", "Is a directory"]),
        (TLS.replace("tls.key", '"a\\0b"'), ["web.yml:3:3", "no file can have that name"]),
        (TLS.replace("tls.crt", "tls.key"), ["tls.key holds no certificate"]),
        (TLS.replace("tls.key", "tls.crt"), ["tls.crt holds no private key"]),
        (TLS + "  client_auth_type: Maybe\n", ["web.yml:4:3", "no policy for client certificates"]),
        (TLS + "  client_auth_type: RequestClientCert\n", ["does not verify it", "RequireAndVer"]),
        (TLS + "  client_auth_type: RequireAndVerifyClientCert\n", ["add client_ca_file"]),
        (TLS + "  client_ca_file: clients.pem\n", ["client_ca_file is not used"]),
        (TLS + "  min_version: TLS11\n", ["web.yml:4:3", "TLS11 is broken", "TLS12 or TLS13"]),
        (TLS + "  min_version: 1.2\n", ["no version of TLS"]),
        (TLS + "  min_version: TLS13\n  max_version: TLS12\n", ["above max_version"]),
        (TLS + "  cipher_suites: [RC4]\n", ["cipher_suites[0]", "not known", "TLS_ECDHE_RSA"]),
        (TLS + "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n", ["leaves nothing for TLS 1.2"]),
        (TLS + "  curve_preferences: [X25519]\n", ["web.yml:4:3", "curves cannot be chosen"]),
        (TLS + "  client_allowed_sans: [a]\n", ["names of clients are not checked"]),
        (TLS + "  prefer_server_cipher_suites: 1\n", ["prefer_server_cipher_suites"]),
        ("rate_limit: {interval: 1s, burst: 20}\n", ["web.yml:1:1", "requests are not limited"]),
        ("http_server_config: {headers: {Server: x}}\n", ["unknown key", "Server"]),
        ("http_server_config: {headers: {X-Frame-Options: yes}}\n", ["no header value"]),
        ("http_server_config: {headers: {X-Frame-Options: all}}\n", ["deny or sameorigin"]),
        ('http_server_config: {headers: {X-XSS-Protection: "0\\nA: b"}}\n', ["one line"]),
        ("basic_auth_users:\n  alice: hunter2\n", ["web.yml:2:3", "alice: this is no bcrypt hash"]),
        ("basic_auth_users: {a: 12345}\n", ["no bcrypt hash", "htpasswd"]),
        (f"basic_auth_users: {{a: '{HASH.replace('10', '18')}'}}\n", ["cost", "4 and 15"]),
        (f"basic_auth_users: {{'a:b': '{HASH}'}}\n", ["can never log in"]),
        ("basic_auth_users:\n", ["expected a mapping"]),
        ("---\n{}\n---\n{}\n", ["a second document"]),
    ],
)
def test_mistakes_have_place_and_hint(files: TlsFiles, text: str, told: list[str]) -> None:
    _, found = read(files.folder, text)
    for part in told:
        assert part in found


def test_all_mistakes_come_at_once(files: TlsFiles) -> None:
    text = TLS + "  min_version: SSL3\n  key: x\nbasic_auth_users: {a: b}\nrate_limt: {}\n"
    _, told = read(files.folder, text)
    assert told.count(": error: ") == 4


def test_all_broken_files_come_at_once(files: TlsFiles) -> None:
    files.cert.write_text("")
    files.key.unlink()
    files.client_ca.write_text("no PEM")
    _, told = read(
        files.folder,
        TLS + "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: clients.pem\n",
    )
    assert told.count(": error: ") == 3
    for place in ("web.yml:2:3", "web.yml:3:3", "web.yml:5:3"):
        assert place in told


def test_a_key_of_another_certificate_is_told(files: TlsFiles) -> None:
    key = files.key.read_bytes()
    files.renew()
    files.key.write_bytes(key)
    _, told = read(files.folder, TLS)
    assert "web.yml:3:3: error: tls_server_config.key_file: the key does not belong to" in told


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked(files: TlsFiles) -> None:
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"planted-passphrase"),
        )
    )
    _, told = read(files.folder, TLS)
    assert "tls.key has a passphrase" in told


def test_a_broken_key_is_told(files: TlsFiles) -> None:
    files.key.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    _, told = read(files.folder, TLS)
    assert "certificate and key cannot be used" in told


def test_a_missing_file_is_told_where_it_is_named(tmp_path: Path) -> None:
    config, problems = read_web_config(tmp_path / "gone.yml", at=Position("probe.yaml", 3, 7))
    assert config is None
    assert str(problems[0]).startswith("probe.yaml:3:7: error: cannot read ")


@pytest.mark.parametrize(
    "text",
    [
        "basic_auth_users: planted\n",
        "basic_auth_users: [planted]\n",
        "basic_auth_users: {a: planted}\n",
        "basic_auth_users: {a: [planted]}\n",
        "basic_auth_users: {a: {planted: planted}}\n",
        TLS + "  key: planted\n",
        TLS + "  key: |\n    -----BEGIN PRIVATE KEY-----\n    planted\n",
        (
            "tls_server_config:\n  cert_file: tls.crt\n"
            "  key_file: |\n    -----BEGIN PRIVATE KEY-----\n    planted\n"
        ),
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(files: TlsFiles, text: str) -> None:
    _, told = read(files.folder, text)
    assert told
    assert "planted" not in told


def test_hashes_are_no_part_of_a_representation(tmp_path: Path) -> None:
    text = f"basic_auth_users: {{alice: '{HASH}'}}\n"
    assert HASH not in repr(good(tmp_path, text))
    assert HASH not in repr(WebFile.model_validate({"basic_auth_users": {"alice": HASH}}))
