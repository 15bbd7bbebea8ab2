"""Settings of a source: what is refused, and that no secret is ever shown."""

from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from exporter.fields import Section
from exporter.http_source.findings import findings
from exporter.http_source.settings import BasicAuth, BearerAuth, SourceSettings, Tls
from tests.exporter.source_desk import source_settings

URL = "https://tempo.example/prefix"


def test_the_defaults_are_patient_but_bounded() -> None:
    settings = source_settings(URL)
    lengths = (settings.timeout, settings.backoff, settings.longest_pause)
    assert [str(each) for each in lengths] == ["10s", "500ms", "10s"]
    assert settings.retries == 2
    assert (settings.basic_auth, settings.bearer_auth) == (None, None)
    assert not settings.tls.insecure_skip_verify


@pytest.mark.parametrize("section", [SourceSettings, BasicAuth, BearerAuth, Tls])
def test_every_setting_of_a_source_says_what_it_means(section: type[Section]) -> None:
    fields = section.model_fields.items()
    assert [name for name, field in fields if not field.description] == []


def test_values_of_headers_are_not_shown() -> None:
    settings = source_settings(URL, headers={"X-Key": "hunter2"})
    assert "hunter2" not in repr(settings) + str(settings)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    authority = trustme.CA()
    ours = authority.issue_cert("prober.example")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    ours.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    ours.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    key = serialization.load_pem_private_key(ours.private_key_pem.bytes(), None)
    (tmp_path / "locked.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"hunter2"),
        )
    )
    (tmp_path / "token").write_text("hunter2\n")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "lines").write_text("hunter2\nhunter3\n")
    (tmp_path / "binary").write_bytes(b"hunter2\xff\xfe")
    (tmp_path / "umlaut").write_text("hünter2")
    return tmp_path


def found(folder: Path, **rest: object) -> list[tuple[str, str]]:
    list_of = list(findings(source_settings(URL, **rest), folder))
    assert all(hint for _, _, hint in list_of)
    assert "hunter" not in str(list_of)
    return [(key, message.replace(str(folder), ".")) for key, message, _ in list_of]


def test_files_that_are_in_order_have_no_findings(files: Path) -> None:
    tls = {"ca_file": "ca.pem", "cert_file": "cert.pem", "key_file": "key.pem"}
    fine = found(
        files, bearer_auth={"token_file": "token"}, headers_from_files={"X-Key": "token"}, tls=tls
    )
    assert fine == []
    basic = {"username": "me", "password_file": "umlaut"}
    assert found(files, basic_auth=basic) == []


@pytest.mark.parametrize(
    ("tls", "key", "message"),
    [
        ({"ca_file": "gone"}, "tls.ca_file", "cannot read"),
        ({"ca_file": "token"}, "tls.ca_file", "holds no certificate"),
        ({"cert_file": "gone", "key_file": "key.pem"}, "tls.cert_file", "cannot read"),
        ({"cert_file": "cert.pem", "key_file": "gone"}, "tls.key_file", "cannot read"),
        ({"cert_file": "cert.pem", "key_file": "locked.pem"}, "tls.cert_file", "not encrypted"),
        ({"cert_file": "cert.pem", "key_file": "token"}, "tls.cert_file", "no certificate with"),
    ],
)
def test_unusable_tls_files(files: Path, tls: dict[str, str], key: str, message: str) -> None:
    ((told, why),) = found(files, tls=tls)
    assert told == key
    assert message in why


def test_all_findings_come_at_once(files: Path) -> None:
    tls = {"ca_file": "gone"}
    assert len(found(files, bearer_auth={"token_file": "gone"}, tls=tls)) == 2
