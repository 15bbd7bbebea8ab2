"""`python -m tests.exporter.pod FOLDER run ...`: slo-probe with the files of a pod.

FOLDER is the service account, which in a pod lies at a place that belongs to the whole machine.
"""

import sys
from functools import partial
from pathlib import Path

from exporter import cli
from exporter.leaderelection import elector
from exporter.leaderelection.service_account import ServiceAccount

if __name__ == "__main__":
    folder = Path(sys.argv.pop(1))
    vars(elector)["ServiceAccount"] = partial(ServiceAccount, folder)
    cli.main(prog_name="slo-probe")
