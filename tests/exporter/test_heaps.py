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
