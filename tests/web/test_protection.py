"""`web.config.file` of `slo-rules serve`: users, TLS, headers, and its problems."""

import subprocess
from pathlib import Path

import bcrypt
import pytest
import requests

from tests.e2e.conftest import BIN
from tests.exporter.tls_files import TlsFiles
from tests.generator.command_line import run_slo_rules
from tests.web.conftest import run_pages


def test_users_and_tls_protect_every_page(empty: str, tmp_path: Path) -> None:
    files = TlsFiles(tmp_path)
    hashed = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()
    (tmp_path / "web.yml").write_text(
        "tls_server_config: {cert_file: tls.crt, key_file: tls.key}\n"
        "http_server_config: {headers: {Strict-Transport-Security: max-age=60}}\n"
        f"basic_auth_users: {{me: '{hashed}'}}\n"
    )
    (tmp_path / "ca.pem").write_bytes(files.authority.cert_pem.bytes())
    options = ("--prometheus", empty, "--web-config-file", str(tmp_path / "web.yml"))
    with run_pages(tmp_path, *options) as url:
        assert url.startswith("https://")
        session = requests.Session()
        session.trust_env = False
        session.verify = str(tmp_path / "ca.pem")
        for path in ("/", "/slo?id=x", "/api/v1/slos", "/static/pages.css", "/metrics", "/none"):
            assert session.get(f"{url}{path}", timeout=30).status_code == 401
        session.auth = ("me", "open sesame")
        response = session.get(f"{url}/", timeout=30)
        assert (response.status_code, "No SLO yet" in response.text) == (200, True)
        assert response.headers["Strict-Transport-Security"] == "max-age=60"
        # The policy of the pages, not that of the pages of the prober.
        assert "unsafe-inline" not in response.headers["Content-Security-Policy"]


def test_problems_of_the_file_have_their_line_and_nothing_is_served(tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    path.write_text("basic_auth_users:\n  me: secret-word\n")
    done = subprocess.run(
        [BIN / "slo-rules", "serve", "--prometheus", "http://127.0.0.1:9",
         "--web-config-file", path],
        capture_output=True, check=False, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{path}:2:3: error: basic_auth_users.me: this is not a bcrypt hash" in done.stderr
    assert "secret-word" not in done.stderr


@pytest.mark.parametrize("command", ["serve", "report"])
def test_help_names_the_options(command: str) -> None:
    text = run_slo_rules(command, "--help").output
    assert "--http-config [NAME=]FILE" in text
