"""Paths of the programs and of the spec with short windows."""

import sys
from pathlib import Path

BIN = Path(sys.executable).parent
QUICK_SPEC = Path(__file__).parent / "quick.yaml"
