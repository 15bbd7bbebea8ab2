"""Registry of SLI types; each file here defines one."""

from functools import cache

from slos.schema.plugin_loader import load_classes_by_id
from slos.schema.sli_signal import SliType


@cache
def load_sli_types() -> dict[str, type[SliType]]:
    """Import the SLI types in this folder, by key and sorted."""
    return load_classes_by_id(__name__, SliType, "KEY")
