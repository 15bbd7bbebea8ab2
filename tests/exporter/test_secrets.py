"""Secrets of every setting are absent from logs, metrics, pages and the journal."""

import base64
import re
from pathlib import Path

import aiohttp
import bcrypt
import pytest

from exporter.config.loader import load_config
from exporter.config.web import read_web_config
from tests.exporter.environment import (
    KEY,
    ProberEnvironment,
    ProberProcess,
    build_auth_headers,
    build_remediation,
    wait_until,
)
from tests.exporter.journal_harness import read_files
from tests.exporter.slo_probe import ROOT, run_program, wait_for_end

TOKEN, PASSWORD, HEADER = "t0ken-planted-a1", "pa55word-planted-b2", "tenant-planted-c3"
WEB_USER, WEB_PASSWORD, WRONG = "operator-planted-d4", "web-planted-e5", "wr0ng-planted-f6"
HASH = bcrypt.hashpw(WEB_PASSWORD.encode(), bcrypt.gensalt(4)).decode()
NEW_KEY = "lin_api_rotated-planted-g7"


def encode_login(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


LOGIN = encode_login(WEB_USER, WEB_PASSWORD)
PLANTED = [
    KEY, NEW_KEY, TOKEN, PASSWORD, HEADER, WEB_PASSWORD, WRONG, HASH, WEB_USER,
    encode_login("scraper", PASSWORD), encode_login(WEB_USER, WEB_PASSWORD),
    encode_login(WEB_USER, WRONG),
]  # fmt: skip


def find_secrets(text: str | bytes) -> list[str]:
    raw = text.encode() if isinstance(text, str) else text
    return [secret for secret in PLANTED if secret.encode() in raw]


def write_secret_config(environment: ProberEnvironment) -> Path:
    """A configuration with every kind of secret, most of them in files of their own."""
    files = {"token": TOKEN, "password": PASSWORD, "header": HEADER}
    for name, secret in files.items():
        (environment.folder / name).write_text(secret)
    (environment.folder / "web.yml").write_text(f"basic_auth_users: {{{WEB_USER}: '{HASH}'}}\n")
    environment.settings["target"] |= {
        "bearer_auth": {"token_file": "token"},
        "headers_from_files": {"X-Scope-OrgID": "header"},
    }
    environment.settings["prometheus"] = {
        "url": environment.agent.url,
        "basic_auth": {"username": "scraper", "password_file": "password"},
    }
    environment.settings["web"] = {"listen": "127.0.0.1:0", "config_file": "web.yml"}
    environment.settings["log_level"] = "debug"
    environment.settings["probes"] = build_remediation("100ms")
    return environment.write_config()


async def read_all_pages(prober: ProberProcess) -> str:
    """All that can be read, with the right login, a wrong one and none."""
    logins = [LOGIN, encode_login(WEB_USER, WRONG), None]
    read = [
        await prober.get_page(page, login)
        for page in ("/", "/metrics", "/runs", "/-/ready", "/-/healthy", "/nothing")
        for login in logins
    ]
    assert [status for status, _ in read[:3]] == [200, 401, 401]
    return "\n".join(text for _, text in read)


@pytest.mark.parametrize("fault", ["none", "unauthorized", "down", "garbage"])
async def test_secrets_are_shown_nowhere(
    environment: ProberEnvironment, tmp_path: Path, fault: str
) -> None:
    environment.linear.faults.set(fault)
    async with environment.run_prober(write_secret_config(environment)) as prober:
        await prober.wait_for_url("web")
        await wait_until(
            lambda: environment.linear.counters.requests > environment.agent.counters.received > 3
        )
        told = await read_all_pages(prober)
        (tmp_path / "key").write_text(NEW_KEY)  # which Linear refuses
        environment.agent.faults.set("error")
        environment.write_config(probes={"remediation": {"interval": TOKEN[:4]}})
        url = await prober.wait_for_url("web")
        async with (
            aiohttp.ClientSession(headers=build_auth_headers(LOGIN)) as client,
            client.post(f"{url}/-/reload") as reply,
        ):
            assert reply.status == 500
            told += await reply.text()
        (tmp_path / "token").unlink()
        told += await read_all_pages(prober)
        prober.process.terminate()
        done = await wait_for_end(prober.process)
    assert done.code == 0
    journals = {name: raw for name, raw in read_files(tmp_path).items() if "sqlite" in name}
    assert journals
    places = {"pages": told, "out": "".join(prober.output_lines) + done.out, "log": done.err}
    assert "DEBUG" in done.err
    assert {name: find_secrets(text) for name, text in places.items() if find_secrets(text)} == {}
    assert [name for name, raw in journals.items() if find_secrets(raw)] == []


PLACES = """\
target:
  url: https://agent.example/
  bearer_auth: {{token_file: {0}}}
  tls: {{ca_file: {0}, cert_file: {0}, key_file: {0}}}
  headers_from_files: {{X-Key: {0}}}
prometheus: {{url: "http://prometheus/", basic_auth: {{username: {1}, password_file: {0}}}}}
web: {{config_file: {0}}}
observers:
  linear: {{key_file: {0}}}
  tempo: {{url: "http://tempo/", bearer_auth: {0}, tls: {0}, headers_from_files: {0}}}
specs: [{0}]
probes: {{remediation: {{}}}}
"""
WEB_PLACES = """\
tls_server_config: {{cert_file: {0}, key_file: {0}, client_ca_file: {0}}}
basic_auth_users: {{alice: {0}}}
"""
PASTED = [
    "planted-a1", '"planted:a1"', "!planted-a1", "*planted-a1", "'@planted-a1'", "'%planted-a1'",
    "77345678901234567890", "[planted-a1]", "[{planted-a1: planted-a1}]", '"planted\\na1"',
    f"'{'planted' * 100}'", "'-----BEGIN PRIVATE KEY----- planted'", "'~/planted'", "lin_planted",
]  # fmt: skip


@pytest.mark.parametrize("pasted", PASTED)
@pytest.mark.parametrize("place", ["probe.yaml", "web.yml"])
def test_a_secret_in_the_place_of_a_file_name_is_not_shown(
    tmp_path: Path, pasted: str, place: str
) -> None:
    user = "'alice:planted-a1'"
    if place == "probe.yaml":
        (tmp_path / place).write_text(PLACES.format(pasted, user))
        config, problems = load_config(tmp_path / place)
        assert config is None
    else:
        (tmp_path / place).write_text(WEB_PLACES.format(pasted))
        web, problems = read_web_config(tmp_path / place)
        assert web is None
    told = "\n".join(map(str, problems))
    assert problems
    assert not re.search("planted|77345678", told.replace(str(tmp_path), "")), told


async def test_the_program_does_not_show_a_pasted_secret_either(tmp_path: Path) -> None:
    file = tmp_path / "probe.yaml"
    text = PLACES.replace("  linear: {{key_file: {0}}}\n", "").replace("{1}", "alice")
    file.write_text(re.sub(r"tempo: .*", 'tempo: {{url: "http://tempo/"}}', text).format(TOKEN))
    for command in ("check", "run", "once"):
        done = await run_program(command, "--config", str(file))
        assert done.code == 1
        assert done.err.count("cannot read the file: No such file") >= 4
        assert TOKEN not in done.out + done.err


def test_no_script_shows_a_planted_secret() -> None:
    for script in (ROOT / "tests" / "scripts" / "probe").glob("*.txt"):
        said = [line for line in script.read_text().splitlines() if line.startswith((">", "!"))]
        assert not [line for line in said if re.search("hunter|planted", line)], script
