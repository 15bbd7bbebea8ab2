"""The SLI types; the folder is the registry, one file each."""

import importlib
import pkgutil
from functools import cache

from slos.schema.signal import SliType


@cache
def sli_types() -> dict[str, type[SliType]]:
    """Every SLI type in this folder by its key, sorted."""
    for module in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
        importlib.import_module(module.name)
    return {kind.KEY: kind for kind in sorted(SliType.__subclasses__(), key=lambda k: k.KEY)}
