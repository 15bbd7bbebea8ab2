"""The expiry of a certificate, read from its bytes."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from exporter.target.certificate import expiry

AUTHORITY = trustme.CA()


def der(until: datetime) -> bytes:
    made = AUTHORITY.issue_cert("agent-sre.example", not_after=until)
    return ssl.PEM_cert_to_DER_cert(made.cert_chain_pems[0].bytes().decode())


@pytest.mark.parametrize("year", [2020, 2049, 2050, 2090])
def test_the_expiry_is_the_one_written_in_either_format(year: int) -> None:
    until = datetime(year, 3, 1, 12, 30, 15, tzinfo=UTC)
    assert expiry(der(until)) == until.timestamp()


def test_it_is_what_the_standard_library_says_of_a_certificate_it_trusts(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(file)
    (told,) = context.get_ca_certs()
    written = ssl.PEM_cert_to_DER_cert(AUTHORITY.cert_pem.bytes().decode())
    assert expiry(written) == ssl.cert_time_to_seconds(str(told["notAfter"]))


@given(st.binary(max_size=200))
def test_other_bytes_are_no_certificate(noise: bytes) -> None:
    with pytest.raises(ValueError):
        expiry(noise)


@given(st.data())
def test_a_certificate_cut_short_is_none(data: st.DataObject) -> None:
    whole = der(datetime(2040, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError):
        expiry(whole[: data.draw(st.integers(0, 100))])
