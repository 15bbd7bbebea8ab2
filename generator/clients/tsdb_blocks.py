"""Blocks of a TSDB, made by promtool of OpenMetrics text."""

import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

# One of the ranges to which Prometheus compacts blocks, also with a retention of 15 days.
_BLOCK_RANGE = "18h"


class BlockError(Exception):
    """Blocks that could not be made; the text has the reason."""


def write_blocks(lines: Iterable[str], folder: Path, promtool: str) -> int:
    """Make blocks in a folder that does not exist; return their number.

    Raises:
        BlockError: promtool failed, or the folder cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".backfill-", dir=folder.parent) as temporary:
            text, blocks = Path(temporary, "samples.om"), Path(temporary, "blocks")
            with text.open("w", encoding="utf-8") as file:
                file.writelines(lines)
                file.write("# EOF\n")
            blocks.mkdir()
            process = subprocess.run(  # noqa: S603 - the program that the user named
                [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet",
                 f"--max-block-duration={_BLOCK_RANGE}", text, blocks],
                capture_output=True,
                text=True,
                check=False,
            )  # fmt: skip
            if process.returncode:
                raise BlockError(f"promtool made no blocks: {process.stderr.strip()}")
            blocks.replace(folder)
    except OSError as error:
        raise BlockError(f"{folder} cannot be written: {error.strerror}") from error
    return len(list(folder.iterdir()))
