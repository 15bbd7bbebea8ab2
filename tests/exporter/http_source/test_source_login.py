"""Logging in and TLS, with secrets and certificates that change while we run."""

import asyncio
from pathlib import Path

import pytest
import trustme

from exporter.http_source.answer import SourceError, SourceFault
from tests.exporter.conftest import Serve
from tests.exporter.source_desk import Script, opened, secure, source_settings


async def test_a_token_is_read_for_every_request(serving: Serve, tmp_path: Path) -> None:
    script, token = Script(), tmp_path / "token"
    settings = source_settings(
        await serving(script.app()), bearer_auth={"token_file": "token"}, headers={"X-Org": "a"}
    )
    async with opened(settings, folder=tmp_path) as source:
        for text in ("first\n", "second"):
            token.write_text(text)
            await source.get("/x")
        token.unlink()
        with pytest.raises(SourceError, match=r"bearer_auth\.token_file: cannot read") as caught:
            await source.get("/x")
    assert caught.value.fault is SourceFault.UNAUTHORIZED
    sent = [asked.headers["Authorization"] for asked in script.asked]
    assert sent == ["Bearer first", "Bearer second"]
    assert script.asked[0].headers["X-Org"] == "a"


async def test_user_and_password_may_hold_any_letter(serving: Serve, tmp_path: Path) -> None:
    script = Script()
    (tmp_path / "password").write_text("päss:wörd\n")
    settings = source_settings(
        await serving(script.app()), basic_auth={"username": "Aladdin", "password_file": "password"}
    )
    async with opened(settings, folder=tmp_path) as source:
        await source.get("/x")
    assert script.asked[0].headers["Authorization"] == "Basic QWxhZGRpbjpww6Rzczp3w7ZyZA=="


async def test_a_header_may_come_from_a_file(serving: Serve, tmp_path: Path) -> None:
    script = Script()
    (tmp_path / "key").write_text("lin_api_1")
    settings = source_settings(
        await serving(script.app()), headers_from_files={"Authorization": "key"}
    )
    async with opened(settings, folder=tmp_path) as source:
        await source.get("/x")
    assert script.asked[0].headers["Authorization"] == "lin_api_1"


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return made


async def outcome(url: str, folder: Path, **tls: object) -> int | str:
    """The status, or what is said instead."""
    async with opened(source_settings(url, tls=tls, retries=0), folder=folder) as source:
        try:
            return (await source.get("/x")).status
        except SourceError as error:
            return str(error)


async def test_only_a_known_authority_is_trusted(authority: trustme.CA, tmp_path: Path) -> None:
    async with secure(authority.issue_cert("127.0.0.1")) as url:
        assert await outcome(url, tmp_path, ca_file="ca.pem") == 200
        assert await outcome(url, tmp_path, insecure_skip_verify=True) == 200
        told = await outcome(url, tmp_path)
    assert "TLS failed: " in str(told)
    assert "certificate" in str(told)


async def test_the_name_in_the_certificate_counts(authority: trustme.CA, tmp_path: Path) -> None:
    async with secure(authority.issue_cert("tempo.example")) as url:
        assert "TLS failed" in str(await outcome(url, tmp_path, ca_file="ca.pem"))
        named = {"ca_file": "ca.pem", "server_name": "tempo.example"}
        assert await outcome(url, tmp_path, **named) == 200
        wrong = {"ca_file": "ca.pem", "server_name": "other.example"}
        assert "TLS failed" in str(await outcome(url, tmp_path, **wrong))


def write(certificate: trustme.LeafCert, folder: Path) -> None:
    certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))


OURS = {"ca_file": "ca.pem", "cert_file": "cert.pem", "key_file": "key.pem"}


async def test_our_certificate_is_shown(authority: trustme.CA, tmp_path: Path) -> None:
    write(authority.issue_cert("prober.example"), tmp_path)
    async with secure(authority.issue_cert("127.0.0.1"), trusts=authority) as url:
        assert await outcome(url, tmp_path, **OURS) == 200
        assert await outcome(url, tmp_path, ca_file="ca.pem") != 200


async def test_a_renewed_certificate_counts_at_once(authority: trustme.CA, tmp_path: Path) -> None:
    """The first one is of an authority the server does not know, and a half one changes nothing."""
    write(trustme.CA().issue_cert("prober.example"), tmp_path)
    async with secure(authority.issue_cert("127.0.0.1"), trusts=authority) as url:
        settings = source_settings(url, tls=OURS, retries=0)
        async with opened(settings, folder=tmp_path) as source:
            with pytest.raises(SourceError):
                await source.get("/x")
            write(authority.issue_cert("prober.example"), tmp_path)
            assert (await source.get("/x")).status == 200
            (tmp_path / "cert.pem").write_text("half")
            assert (await source.get("/x")).status == 200


async def test_missing_tls_files_are_told(authority: trustme.CA, tmp_path: Path) -> None:
    async with secure(authority.issue_cert("127.0.0.1")) as url:
        told = await outcome(url, tmp_path, ca_file="gone.pem")
    assert "tls.ca_file: cannot read" in str(told)


async def test_requests_share_a_certificate(authority: trustme.CA, tmp_path: Path) -> None:
    """Two requests at once read the same files and both are answered."""
    async with secure(authority.issue_cert("127.0.0.1")) as url:
        settings = source_settings(url, tls={"ca_file": "ca.pem"})
        async with opened(settings, folder=tmp_path) as source:
            answers = await asyncio.gather(source.get("/a"), source.get("/b"))
    assert [answer.status for answer in answers] == [200, 200]
