"""Unified diff of two versions of a file."""

import difflib
from collections.abc import Iterator

_NO_FILE = "/dev/null"


def diff_texts(name: str, before: str | None, after: str | None) -> Iterator[str]:
    """Lines of a unified diff, as git writes them; None stands for a file that does not exist."""
    return difflib.unified_diff(
        (before or "").splitlines(),
        (after or "").splitlines(),
        _NO_FILE if before is None else f"a/{name}",
        _NO_FILE if after is None else f"b/{name}",
        lineterm="",
    )
