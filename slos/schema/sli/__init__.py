"""Registry of SLI types; each file here defines one."""

import importlib
import pkgutil
from functools import cache

from slos.schema.sli_signal import SliType


@cache
def load_sli_types() -> dict[str, type[SliType]]:
    """Import the SLI types in this folder, by key and sorted."""
    for module in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
        importlib.import_module(module.name)
    return {
        sli_type.KEY: sli_type for sli_type in sorted(SliType.__subclasses__(), key=lambda k: k.KEY)
    }
