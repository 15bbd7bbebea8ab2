"""Start and stop the components."""

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

_PAUSE = 0.05
_STOP_WITHIN = 10.0

_TOOLS = Path(__file__).resolve().parents[2] / ".tools" / "usr" / "bin"
# Debian's package has another name for the program.
_NAMES = {"alertmanager": ("alertmanager", "prometheus-alertmanager")}

_BIN = Path(sys.executable).parent
_REQUEST_TIMEOUT = 2.0


class NotReadyError(Exception):
    """Component that did not become ready; the text names it and holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Child:
    """Running component.

    Attributes:
        name: display name.
        process: the process; it is stopped through this handle only.
        log: file of its output.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait_for(self, condition: Callable[[], Found | None], *, within: float = 30.0) -> Found:
        """Poll `condition` until it returns a true value, and return that value.

        Raises:
            NotReadyError: the process ended, or `timeout` seconds have passed.
        """
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise NotReadyError(f"{self.name} ended at once:\n{self.last_words()}")
            with suppress(requests.RequestException):
                found = condition()
                if found:
                    return found
            time.sleep(_PAUSE)
        raise NotReadyError(f"{self.name} was not ready in {within:g} s:\n{self.last_words()}")

    def stop(self) -> None:
        """Terminate the process; kill it when it does not end in time."""
        self.process.terminate()
        try:
            self.process.wait(_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def last_words(self) -> str:
        """Read the end of its log."""
        return self.log.read_text(errors="replace")[-2000:].strip()


def start(name: str, command: Sequence[str | Path], *, folder: Path) -> Child:
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
    return Child(name, process, log)


def announced(child: Child, words: str) -> str:
    """Wait for the line of a child's log that starts with `prefix`; return the address in it."""

    def look() -> str | None:
        for line in child.log.read_text(errors="replace").splitlines():
            if line.startswith(words):
                return line.removeprefix(words).strip()
        return None

    return child.wait_for(look)


def free_port() -> int:
    """Find an unused loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find(program: str) -> Path | None:
    """Find the path of a program; None when it is not installed."""
    for name in _NAMES.get(program, (program,)):
        for place in (None, str(_TOOLS)):
            found = shutil.which(name, path=place)
            if found:
                return Path(found)
    return None


@dataclass(frozen=True, slots=True)
class Stack:
    """URLs of the running components; None for a missing one."""

    agent: str
    linear: str
    probe: str
    prometheus: str | None
    alertmanager: str | None

    def urls(self) -> dict[str, str]:
        """List the URLs that a person may open."""
        found = {
            "agent-sre (simulated)": self.agent,
            "Linear (simulated)": self.linear,
            "slo-probe": self.probe,
            "Prometheus": self.prometheus,
            "Alertmanager": self.alertmanager,
        }
        return {name: url for name, url in found.items() if url}


@contextmanager
def running(
    folder: Path,
    *,
    specs: Path,
    faults: Sequence[str] = (),
    webhook: str | None = None,
    say: Callable[[str], object] = print,
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

        def up(name: str, *command: str | Path) -> Child:
            child = start(name, command, folder=folder)
            children.callback(child.stop)
            return child

        canary = free_port()
        linear = _start_linear(up, folder)
        agent = _start_agent(up, canary, linear, faults)
        probe = _start_probe(up, folder, target=agent, canary=canary, specs=specs, linear=linear)
        alertmanager = _start_alertmanager(up, folder, webhook=webhook, say=say)
        prometheus = _start_prometheus(
            up, folder, probe=probe, alertmanager=alertmanager, rules=rules, say=say
        )
        yield Stack(agent, linear.url, probe, prometheus, alertmanager)


Up = Callable[..., Child]


def _build_rules(specs: Path, rules: Path) -> None:
    built = run(  # noqa: S603 - our own program
        [_BIN / "slo-rules", "build", specs, "-o", rules],
        capture_output=True,
        check=False,
        text=True,
    )
    if built.returncode:
        raise NotReadyError(f"the rules could not be built:\n{built.stderr}")


@dataclass(frozen=True, slots=True)
class _Linear:
    """URL of the Linear simulator, and the file of the key that it accepts."""

    url: str
    key: Path


def _start_linear(up: Up, folder: Path) -> _Linear:
    key = folder / "linear-key"
    key.write_text("lin_api_of_the_live_run\n")
    child = up(
        "linear", _BIN / "slo-probe", "simulate-linear", "--listen", "127.0.0.1:0",
        "--key-file", key,
    )  # fmt: skip
    return _Linear(announced(child, "listening on "), key)


def _start_agent(up: Up, canary: int, linear: _Linear, faults: Sequence[str]) -> str:
    flags = [part for fault in faults for part in ("--fault", fault)]
    function = f"http://127.0.0.1:{canary}/"
    child = up(
        "simulator", _BIN / "slo-probe", "simulate", "--listen", "127.0.0.1:0",
        "--function-url", function, "--linear-url", linear.url, "--linear-key-file", linear.key,
        *flags,
    )  # fmt: skip
    return announced(child, "listening on ")


def _start_probe(
    up: Up, folder: Path, *, target: str, canary: int, specs: Path, linear: _Linear
) -> str:
    config = folder / "slo-probe.yaml"
    files = sorted(specs.glob("*.yaml")) if specs.is_dir() else [specs]
    text = configs.probe(
        target=target,
        canary=canary,
        specs=[path.resolve() for path in files],
        journal=folder / "journal.sqlite",
        linear=linear.url,
        key=linear.key,
    )
    config.write_text(text)
    child = up("slo-probe", _BIN / "slo-probe", "run", "--config", config)
    url = announced(child, "web listening on ")
    child.wait_for(lambda: _answers(f"{url}/-/ready"))
    return url


def _start_alertmanager(
    up: Up, folder: Path, *, webhook: str | None, say: Callable[[str], object]
) -> str | None:
    binary = _found("alertmanager", say)
    if not binary:
        return None
    config, address = folder / "alertmanager.yml", f"127.0.0.1:{free_port()}"
    config.write_text(configs.alertmanager(webhook=webhook))
    child = up(
        "alertmanager", binary, f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}", f"--web.listen-address={address}",
        "--cluster.listen-address=",
    )  # fmt: skip
    child.wait_for(lambda: _answers(f"http://{address}/-/ready"))
    return f"http://{address}"


def _start_prometheus(
    up: Up,
    folder: Path,
    *,
    probe: str,
    alertmanager: str | None,
    rules: Path,
    say: Callable[[str], object],
) -> str | None:
    binary = _found("prometheus", say)
    if not binary:
        return None
    config, address = folder / "prometheus.yml", f"127.0.0.1:{free_port()}"
    text = configs.prometheus(
        probe_address=urlsplit(probe).netloc,
        alertmanager=urlsplit(alertmanager).netloc if alertmanager else None,
        rules=rules,
    )
    config.write_text(text)
    child = up(
        "prometheus", binary, f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address={address}",
    )  # fmt: skip
    child.wait_for(lambda: _answers(f"http://{address}/-/ready"))
    return f"http://{address}"


def _found(program: str, say: Callable[[str], object]) -> Path | None:
    binary = find(program)
    if not binary:
        say(f"{program} is not installed, going on without it")
    return binary


def _answers(url: str) -> bool:
    return requests.get(url, timeout=_REQUEST_TIMEOUT).ok
