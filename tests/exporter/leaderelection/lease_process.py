"""Process that competes for a file lock and prints the result of each attempt."""

import asyncio
import signal
import sys
import time
from pathlib import Path

from exporter.leaderelection.elector import LeaderElector
from exporter.leaderelection.file import FileLock
from exporter.schedule.clock import SystemClock

RETRY = 0.05
RENEW_DEADLINE = 30.0
"""Long: that a process took over early then is no accident."""


async def run_elector(file: Path) -> None:
    clock = SystemClock()
    lease = FileLock(file, identity="test", clock=clock)
    elector = LeaderElector(lease, clock=clock, renew_deadline=RENEW_DEADLINE, retry=RETRY)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    while not stop.is_set():
        await elector.step()
        print(f"{time.monotonic()} {elector.is_leader}", flush=True)  # noqa: T201 - the test reads it
        await clock.sleep(RETRY)
    await elector.release()
    await lease.close()


if __name__ == "__main__":
    asyncio.run(run_elector(Path(sys.argv[1])))
