"""Memory of large buffers goes back to the system."""

import subprocess
import sys

import pytest

from tests.exporter.slo_probe import ROOT

CODE = """
import resource
from exporter.resources import limit_heaps

if {limited}:
    limit_heaps()
bytes(20_000_000)  # its release raises the size from which on glibc gives pages back
buffers, rest = [], []
for _ in range(200):
    buffers.append(b"x" * 300_000)
    rest.append(bytearray(1000))
del buffers
print(int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize())
"""


def measure_memory(*, limited: bool) -> int:
    code = CODE.format(limited=limited)
    command = [sys.executable, "-c", code]
    return int(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_small_objects_do_not_hold_the_memory_of_large_buffers() -> None:
    assert measure_memory(limited=True) < measure_memory(limited=False) - 40_000_000


READ = """
import asyncio
from exporter.resources import _LARGE_BUFFER, limit_heaps

async def connect():
    limit_heaps()
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    assert writer.transport.max_size < _LARGE_BUFFER
    writer.close()
    server.close()

asyncio.run(connect())
"""


def test_the_buffer_of_a_read_is_no_large_one() -> None:
    subprocess.run([sys.executable, "-c", READ], cwd=ROOT, check=True)
