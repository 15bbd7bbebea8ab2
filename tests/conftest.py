"""Order of the tests: the files that take minutes first, so that none of them is left for the end.

Files run side by side (`--dist loadfile`), and a long one that begins last leaves a processor idle.
"""

import pytest

_LONG_FILES = (
    "tests/generator/test_mutations.py",
    "tests/e2e/",
    "tests/benchmarks/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the tests of long files to the front; others keep their order."""
    ranks = {name: rank for rank, name in enumerate(_LONG_FILES)}

    def find_rank(item: pytest.Item) -> int:
        found = (rank for name, rank in ranks.items() if item.nodeid.startswith(name))
        return next(found, len(ranks))

    items.sort(key=find_rank)
