"""Processes of the demo: finds the programs, starts and stops them."""

import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import run
from typing import TypeVar
from urllib.parse import urlsplit

import requests

from exporter.devstack import configs

Found = TypeVar("Found")

_POLL_INTERVAL = 0.05
_STOP_TIMEOUT = 10.0

_TOOLS = Path(__file__).resolve().parents[2] / ".tools" / "usr" / "bin"
# Debian's package has another name for the program.
_BINARY_NAMES = {"alertmanager": ("alertmanager", "prometheus-alertmanager")}

_BIN = Path(sys.executable).parent
_REQUEST_TIMEOUT = 2.0
_PORTS = range(20_000, 32_000)
"""Below the range from which systems give ports: from 32768 on Linux, 49152 elsewhere."""


class NotReadyError(Exception):
    """Component that did not become ready; the text names it and holds the end of its log."""


@dataclass(frozen=True, slots=True)
class ChildProcess:
    """Running component.

    Attributes:
        name: display name.
        process: the process; it is stopped through this handle only.
        log: file of its output.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait_for(self, condition: Callable[[], Found | None], *, timeout: float = 30.0) -> Found:
        """Poll `condition` until it returns a true value, and return that value.

        Raises:
            NotReadyError: the process ended, or `timeout` seconds have passed.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise NotReadyError(f"{self.name} exited:\n{self.read_log_tail()}")
            with suppress(requests.RequestException):
                value = condition()
                if value:
                    return value
            time.sleep(_POLL_INTERVAL)
        raise NotReadyError(f"{self.name} was not ready in {timeout:g} s:\n{self.read_log_tail()}")

    def stop(self) -> None:
        """Terminate the process; kill it when it does not end in time."""
        self.process.terminate()
        try:
            self.process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def read_log_tail(self) -> str:
        """Read the end of its log."""
        return self.log.read_text(errors="replace")[-2000:].strip()


def start_process(name: str, command: Sequence[str | Path], *, folder: Path) -> ChildProcess:
    """Start a component in a session of its own, so that Ctrl-C does not reach it.

    If `setpriv` is available, the component is terminated when this process is killed.
    """
    setpriv = shutil.which("setpriv")
    if setpriv:
        command = [setpriv, "--pdeathsig", "TERM", "--", *command]
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own programs and arguments
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )
    return ChildProcess(name, process, log)


def wait_for_line(child: ChildProcess, prefix: str) -> str:
    """Wait for the line of a child's log that starts with `prefix`; return the address in it."""

    def find_line() -> str | None:
        for line in child.log.read_text(errors="replace").splitlines():
            if line.startswith(prefix):
                return line.removeprefix(prefix).strip()
        return None

    return child.wait_for(find_line)


def find_free_port() -> int:
    """Find an unused loopback port, outside the range from which the system gives ports itself.

    Connections and listeners at port 0 of other processes do not take it before it is used.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def find_binary(program: str) -> Path | None:
    """Find the path of a program; None when it is not installed."""
    for name in _BINARY_NAMES.get(program, (program,)):
        for search_path in (None, str(_TOOLS)):
            binary = shutil.which(name, path=search_path)
            if binary:
                return Path(binary)
    return None


@dataclass(frozen=True, slots=True)
class Stack:
    """URLs of the running components; None for a missing one."""

    pages: str | None
    agent: str
    linear: str
    probe: str
    prometheus: str | None
    alertmanager: str | None


@contextmanager
def run_stack(
    folder: Path,
    *,
    specs: Path,
    faults: Sequence[str] = (),
    webhook: str | None = None,
    print_line: Callable[[str], object] = print,
) -> Iterator[Stack]:
    """Run all components while the block runs.

    Args:
        folder: folder for configurations, logs and data.
        specs: a spec file, or a folder of them.
        faults: faults of the simulator, as `slo-probe simulate --fault` takes them.
        webhook: URL that Alertmanager sends notifications to.
        print_line: called with a line about each missing program.

    Raises:
        NotReadyError: a component does not become ready; the others are stopped.
    """
    rules = folder / "rules.yaml"
    _build_rules(specs, rules)
    with ExitStack() as children:

        def start_component(name: str, *command: str | Path) -> ChildProcess:
            child = start_process(name, command, folder=folder)
            children.callback(child.stop)
            return child

        canary = find_free_port()
        linear = _start_linear(start_component, folder)
        agent = _start_agent(start_component, canary, linear, faults)
        probe = _start_probe(
            start_component, folder, target=agent, canary=canary, specs=specs, linear=linear
        )
        alertmanager = _start_alertmanager(
            start_component, folder, webhook=webhook, print_line=print_line
        )
        prometheus = _start_prometheus(
            start_component,
            folder,
            probe=probe,
            alertmanager=alertmanager,
            rules=rules,
            print_line=print_line,
        )
        pages = _start_pages(start_component, prometheus) if prometheus else None
        yield Stack(pages, agent, linear.url, probe, prometheus, alertmanager)


StartFunction = Callable[..., ChildProcess]


def _build_rules(specs: Path, rules: Path) -> None:
    result = run(  # noqa: S603 - our own program
        [_BIN / "slo-rules", "build", specs, "-o", rules],
        capture_output=True,
        check=False,
        text=True,
    )
    if result.returncode:
        raise NotReadyError(f"the rules could not be built:\n{result.stderr}")


@dataclass(frozen=True, slots=True)
class _LinearEndpoint:
    """URL of the Linear simulator, and the file of the key that it accepts."""

    url: str
    key: Path


def _start_linear(start_component: StartFunction, folder: Path) -> _LinearEndpoint:
    key = folder / "linear-key"
    key.write_text("lin_api_of_the_live_run\n")
    child = start_component(
        "linear", _BIN / "slo-probe", "simulate-linear", "--listen", "127.0.0.1:0",
        "--key-file", key,
    )  # fmt: skip
    return _LinearEndpoint(wait_for_line(child, "listening on "), key)


def _start_agent(
    start_component: StartFunction, canary: int, linear: _LinearEndpoint, faults: Sequence[str]
) -> str:
    flags = [part for fault in faults for part in ("--fault", fault)]
    function = f"http://127.0.0.1:{canary}/"
    child = start_component(
        "simulator", _BIN / "slo-probe", "simulate", "--listen", "127.0.0.1:0",
        "--function-url", function, "--linear-url", linear.url, "--linear-key-file", linear.key,
        *flags,
    )  # fmt: skip
    return wait_for_line(child, "listening on ")


def _start_probe(
    start_component: StartFunction,
    folder: Path,
    *,
    target: str,
    canary: int,
    specs: Path,
    linear: _LinearEndpoint,
) -> str:
    config = folder / "slo-probe.yaml"
    files = sorted(specs.glob("*.yaml")) if specs.is_dir() else [specs]
    text = configs.render_probe_config(
        target=target,
        canary=canary,
        specs=[path.resolve() for path in files],
        journal=folder / "journal.sqlite",
        linear=linear.url,
        key=linear.key,
    )
    config.write_text(text)
    child = start_component("slo-probe", _BIN / "slo-probe", "run", "--config", config)
    url = wait_for_line(child, "web listening on ")
    child.wait_for(lambda: _is_answering(f"{url}/-/ready"))
    return url


def _start_alertmanager(
    start_component: StartFunction,
    folder: Path,
    *,
    webhook: str | None,
    print_line: Callable[[str], object],
) -> str | None:
    binary = _find_optional_binary("alertmanager", print_line)
    if not binary:
        return None
    config, address = folder / "alertmanager.yml", f"127.0.0.1:{find_free_port()}"
    config.write_text(configs.render_alertmanager_config(webhook=webhook))
    child = start_component(
        "alertmanager", binary, f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}", f"--web.listen-address={address}",
        "--cluster.listen-address=",
    )  # fmt: skip
    child.wait_for(lambda: _is_answering(f"http://{address}/-/ready"))
    return f"http://{address}"


def _start_prometheus(
    start_component: StartFunction,
    folder: Path,
    *,
    probe: str,
    alertmanager: str | None,
    rules: Path,
    print_line: Callable[[str], object],
) -> str | None:
    binary = _find_optional_binary("prometheus", print_line)
    if not binary:
        return None
    config, address = folder / "prometheus.yml", f"127.0.0.1:{find_free_port()}"
    text = configs.render_prometheus_config(
        probe_address=urlsplit(probe).netloc,
        alertmanager=urlsplit(alertmanager).netloc if alertmanager else None,
        rules=rules,
    )
    config.write_text(text)
    child = start_component(
        "prometheus", binary, f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address={address}",
    )  # fmt: skip
    child.wait_for(lambda: _is_answering(f"http://{address}/-/ready"))
    return f"http://{address}"


def _start_pages(start_component: StartFunction, prometheus: str) -> str:
    child = start_component(
        "pages", _BIN / "slo-rules", "serve", "--prometheus", prometheus,
        "--listen", "127.0.0.1:0",
    )  # fmt: skip
    return wait_for_line(child, "listening on ")


def _find_optional_binary(program: str, print_line: Callable[[str], object]) -> Path | None:
    binary = find_binary(program)
    if not binary:
        print_line(f"{program} is not installed and is left out")
    return binary


def _is_answering(url: str) -> bool:
    return requests.get(url, timeout=_REQUEST_TIMEOUT).ok
