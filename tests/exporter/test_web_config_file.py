"""web.config.file: strict validation, and no secrets in errors."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from exporter.config.web import WebConfig, WebConfigFile, read_web_config
from exporter.listener.tls import ListenerTls
from tests.exporter.tls_files import TlsFiles

HASH = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze"
DEFAULT_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "deny",
    "X-Content-Type-Options": "nosniff",
}
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


def read_valid(folder: Path, text: str) -> WebConfig:
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
    X-Frame-Options: sameorigin
    X-Content-Type-Options: nosniff
    Strict-Transport-Security: ""
basic_auth_users:
  alice: {HASH}
"""
    config = read_valid(files.folder, text)
    assert config.tls == ListenerTls(
        files.cert,
        files.key,
        files.client_ca,
        verify=ssl.CERT_REQUIRED,
        ciphers=("ECDHE-ECDSA-AES256-GCM-SHA384",),
        prefer_server_ciphers=False,
    )
    assert config.headers == DEFAULT_HEADERS | {"X-Frame-Options": "sameorigin"}
    assert config.users == {"alice": HASH}
    assert config.files == (files.folder / "web.yml", files.cert, files.key, files.client_ca)


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}\n", "basic_auth_users: {}\n"])
def test_a_file_that_sets_nothing_protects_nothing(tmp_path: Path, text: str) -> None:
    config = read_valid(tmp_path, text)
    assert (config.tls, config.headers, config.users) == (None, DEFAULT_HEADERS, {})
    assert config.files == (tmp_path / "web.yml",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TLS.replace("tls.crt", "gone.crt"), "web.yml:2:3: error: tls_server_config.cert_file: "),
        (TLS.replace("tls.key", "."), "Is a directory"),
        (TLS.replace("tls.key", '"a\\0b"'), "a file name must be printable"),
        (TLS.replace("tls.crt", "tls.key"), "cert_file: the file contains no certificate"),
        (TLS.replace("tls.key", "tls.crt"), "key_file: the file contains no private key"),
    ],
)
def test_an_unusable_file_is_reported(files: TlsFiles, text: str, told: str) -> None:
    assert told in read(files.folder, text)[1]


def test_an_empty_header_is_not_sent(tmp_path: Path) -> None:
    text = "http_server_config: {headers: {Content-Security-Policy: '', X-Frame-Options: ' '}}\n"
    assert read_valid(tmp_path, text).headers == {"X-Content-Type-Options": "nosniff"}


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


def test_a_key_that_cannot_be_used_with_its_certificate_is_reported(files: TlsFiles) -> None:
    key = files.key.read_bytes()
    files.write_certificate()
    files.key.write_bytes(key)
    _, told = read(files.folder, TLS)
    assert "web.yml:3:3: error: tls_server_config.key_file: the key does not match" in told
    files.key.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    assert "certificate and key cannot be used" in read(files.folder, TLS)[1]


def test_a_key_with_a_passphrase_is_refused_without_a_prompt(files: TlsFiles) -> None:
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"planted-passphrase"),
        )
    )
    _, told = read(files.folder, TLS)
    assert "the key has a passphrase" in told


def test_hashes_are_no_part_of_a_representation(tmp_path: Path) -> None:
    text = f"basic_auth_users: {{alice: '{HASH}'}}\n"
    assert HASH not in repr(read_valid(tmp_path, text))
    assert HASH not in repr(WebConfigFile.model_validate({"basic_auth_users": {"alice": HASH}}))
