"""A process that keeps a lease in a file and says after each attempt whether it may send."""

import asyncio
import signal
import sys
import time
from pathlib import Path

from exporter.leaderelection.elector import LeaseKeeper
from exporter.leaderelection.file import FileLease
from exporter.schedule.clock import SystemClock

RETRY = 0.05
RENEW_DEADLINE = 30.0
"""Long: that a process took over early then is no accident."""


async def keep(file: Path) -> None:
    clock = SystemClock()
    lease = FileLease(file, identity="test")
    keeper = LeaseKeeper(lease, clock=clock, renew_deadline=RENEW_DEADLINE, retry=RETRY)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    while not stop.is_set():
        await keeper.step()
        print(f"{time.monotonic()} {keeper.holding}", flush=True)  # noqa: T201 - the test reads it
        await clock.sleep(RETRY)
    await keeper.release()
    await lease.close()


if __name__ == "__main__":
    asyncio.run(keep(Path(sys.argv[1])))
