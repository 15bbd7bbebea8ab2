"""Server that forks `slo-probe`: its imports are done once, and not for every process of a test.

`python -m tests.exporter.fork_server FD` reads requests from a socket. Each has the module, the
arguments and the environment of a program, and three file descriptors: its standard output, its
standard error, and a pipe for its process id and its exit status. The program runs in a process of
its own, as with `python -m`.
"""

import gc
import json
import os
import runpy
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module

_MODULES = (
    "exporter.app.process",
    "exporter.leaderelection.file",
    "exporter.commands.scenario",
    "exporter.simulator.agent_sre.cli",
    "exporter.simulator.linear.cli",
)
_MAX_REQUEST = 1 << 20


def main() -> str:
    """Serve until the other end of the socket is closed; return the module in a new process."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for module in _MODULES:
        import_module(module)
    gc.freeze()
    while True:
        request, files, _, _ = socket.recv_fds(control, _MAX_REQUEST, 3)
        if not request:
            sys.exit()
        if not os.fork():
            control.close()
            _supervise(files)
            return _prepare(**json.loads(request))
        for file in files:
            os.close(file)
        _reap_supervisors()


def _reap_supervisors() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _supervise(files: Sequence[int]) -> None:
    """Fork, and return in the process of the program; wait for its end in this one."""
    out, err, status = files
    child = os.fork()
    if child:
        os.close(out)
        os.close(err)
        os.write(status, f"{child}\n".encode())
        _, ended = os.waitpid(child, 0)
        os.write(status, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
        os._exit(0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    for file in files:
        os.close(file)


def _prepare(module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments
    return module


if __name__ == "__main__":
    runpy.run_module(main(), run_name="__main__", alter_sys=True)
