"""Settings, authentication and TLS of an HTTP client."""

import asyncio
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from exporter.httpclient.auth import check_connection_files
from exporter.httpclient.errors import RequestError
from exporter.model.error_kind import ErrorKind
from tests.exporter.conftest import Serve
from tests.exporter.scripted_server import ScriptedServer, build_settings, open_client, serve_tls

URL = "https://tempo.example/prefix"


def test_the_defaults_are_patient_but_bounded() -> None:
    settings = build_settings(URL)
    lengths = (settings.timeout, settings.backoff, settings.longest_pause)
    assert [str(each) for each in lengths] == ["10s", "500ms", "10s"]
    assert settings.retries == 2
    assert (settings.basic_auth, settings.bearer_auth) == (None, None)
    assert not settings.tls.insecure_skip_verify


def test_values_of_headers_are_not_shown() -> None:
    settings = build_settings(URL, headers={"X-Key": "hunter2"})
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


def find_problems(folder: Path, **rest: object) -> list[tuple[str, str]]:
    list_of = list(check_connection_files(build_settings(URL, **rest), folder))
    assert all(hint for _, _, hint in list_of)
    assert "hunter" not in str(list_of)
    return [(key, message.replace(str(folder), ".")) for key, message, _ in list_of]


def test_files_that_are_in_order_have_no_findings(files: Path) -> None:
    tls = {"ca_file": "ca.pem", "cert_file": "cert.pem", "key_file": "key.pem"}
    fine = find_problems(
        files, bearer_auth={"token_file": "token"}, headers_from_files={"X-Key": "token"}, tls=tls
    )
    assert fine == []
    basic = {"username": "me", "password_file": "umlaut"}
    assert find_problems(files, basic_auth=basic) == []


@pytest.mark.parametrize(
    ("tls", "key", "message"),
    [
        ({"ca_file": "gone"}, "tls.ca_file", "cannot read"),
        ({"ca_file": "token"}, "tls.ca_file", "contains no PEM certificate"),
        ({"cert_file": "gone", "key_file": "key.pem"}, "tls.cert_file", "cannot read"),
        ({"cert_file": "cert.pem", "key_file": "gone"}, "tls.key_file", "cannot read"),
        (
            {"cert_file": "cert.pem", "key_file": "locked.pem"},
            "tls.cert_file",
            "its unencrypted key",
        ),
        (
            {"cert_file": "cert.pem", "key_file": "token"},
            "tls.cert_file",
            "not a certificate and its",
        ),
    ],
)
def test_unusable_tls_files(files: Path, tls: dict[str, str], key: str, message: str) -> None:
    ((told, why),) = find_problems(files, tls=tls)
    assert told == key
    assert message in why


def test_all_findings_come_at_once(files: Path) -> None:
    tls = {"ca_file": "gone"}
    assert len(find_problems(files, bearer_auth={"token_file": "gone"}, tls=tls)) == 2


async def test_a_token_is_read_for_every_request(serving: Serve, tmp_path: Path) -> None:
    script, token = ScriptedServer(), tmp_path / "token"
    settings = build_settings(
        await serving(script.build_app()),
        bearer_auth={"token_file": "token"},
        headers={"X-Org": "a"},
    )
    async with open_client(settings, folder=tmp_path) as source:
        for text in ("first\n", "second"):
            token.write_text(text)
            await source.get("/x")
        token.unlink()
        with pytest.raises(RequestError, match=r"bearer_auth\.token_file: cannot read") as caught:
            await source.get("/x")
    assert caught.value.kind is ErrorKind.UNAUTHORIZED
    sent = [asked.headers["Authorization"] for asked in script.requests]
    assert sent == ["Bearer first", "Bearer second"]
    assert script.requests[0].headers["X-Org"] == "a"


@pytest.mark.parametrize(
    ("login", "sent"),
    [
        (
            {"basic_auth": {"username": "Aladdin", "password_file": "secret"}},
            "Basic QWxhZGRpbjpww6Rzczp3w7ZyZA==",
        ),
        ({"headers_from_files": {"Authorization": "key"}}, "lin_api_1"),
    ],
)
async def test_a_login_is_read_from_its_file(
    serving: Serve, tmp_path: Path, login: dict[str, object], sent: str
) -> None:
    script = ScriptedServer()
    (tmp_path / "secret").write_text("päss:wörd\n")
    (tmp_path / "key").write_text("lin_api_1")
    settings = build_settings(await serving(script.build_app()), **login)
    async with open_client(settings, folder=tmp_path) as source:
        await source.get("/x")
    assert script.requests[0].headers["Authorization"] == sent


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return made


async def get_outcome(url: str, folder: Path, **tls: object) -> int | str:
    """The status, or what is said instead."""
    async with open_client(build_settings(url, tls=tls, retries=0), folder=folder) as source:
        try:
            return (await source.get("/x")).status
        except RequestError as error:
            return str(error)


async def test_only_a_known_authority_is_trusted(authority: trustme.CA, tmp_path: Path) -> None:
    async with serve_tls(authority.issue_cert("127.0.0.1")) as url:
        assert await get_outcome(url, tmp_path, ca_file="ca.pem") == 200
        assert await get_outcome(url, tmp_path, insecure_skip_verify=True) == 200
        told = await get_outcome(url, tmp_path)
    assert "TLS failed: " in str(told)
    assert "certificate" in str(told)


async def test_the_name_in_the_certificate_counts(authority: trustme.CA, tmp_path: Path) -> None:
    async with serve_tls(authority.issue_cert("tempo.example")) as url:
        assert "TLS failed" in str(await get_outcome(url, tmp_path, ca_file="ca.pem"))
        named = {"ca_file": "ca.pem", "server_name": "tempo.example"}
        assert await get_outcome(url, tmp_path, **named) == 200
        wrong = {"ca_file": "ca.pem", "server_name": "other.example"}
        assert "TLS failed" in str(await get_outcome(url, tmp_path, **wrong))


def write_certificate(certificate: trustme.LeafCert, folder: Path) -> None:
    certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))


OURS = {"ca_file": "ca.pem", "cert_file": "cert.pem", "key_file": "key.pem"}


async def test_our_certificate_is_shown(authority: trustme.CA, tmp_path: Path) -> None:
    write_certificate(authority.issue_cert("prober.example"), tmp_path)
    async with serve_tls(authority.issue_cert("127.0.0.1"), client_authority=authority) as url:
        assert await get_outcome(url, tmp_path, **OURS) == 200
        assert await get_outcome(url, tmp_path, ca_file="ca.pem") != 200


async def test_a_renewed_certificate_counts_at_once(authority: trustme.CA, tmp_path: Path) -> None:
    """The first one is of an authority the server does not know, and a half one changes nothing."""
    write_certificate(trustme.CA().issue_cert("prober.example"), tmp_path)
    async with serve_tls(authority.issue_cert("127.0.0.1"), client_authority=authority) as url:
        settings = build_settings(url, tls=OURS, retries=0)
        async with open_client(settings, folder=tmp_path) as source:
            with pytest.raises(RequestError):
                await source.get("/x")
            write_certificate(authority.issue_cert("prober.example"), tmp_path)
            assert (await source.get("/x")).status == 200
            (tmp_path / "cert.pem").write_text("half")
            assert (await source.get("/x")).status == 200


async def test_missing_tls_files_are_reported(authority: trustme.CA, tmp_path: Path) -> None:
    async with serve_tls(authority.issue_cert("127.0.0.1")) as url:
        told = await get_outcome(url, tmp_path, ca_file="gone.pem")
    assert "tls.ca_file: cannot read" in str(told)


async def test_requests_share_a_certificate(authority: trustme.CA, tmp_path: Path) -> None:
    """Two requests at once read the same files and both are answered."""
    async with serve_tls(authority.issue_cert("127.0.0.1")) as url:
        settings = build_settings(url, tls={"ca_file": "ca.pem"})
        async with open_client(settings, folder=tmp_path) as source:
            answers = await asyncio.gather(source.get("/a"), source.get("/b"))
    assert [answer.status for answer in answers] == [200, 200]
