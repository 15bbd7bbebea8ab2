"""Order of the tests: the files that take minutes first, so that none of them is left for the end.

Files run side by side (`--dist loadfile`), and a long one that begins last leaves a processor idle.
Tests of whole programs mostly wait, so there are more files at a time than processors.
"""

import gc
import os

import pytest
import yaml
from hypothesis import settings

# Programs in Go run briefly here. To collect their garbage less often saves a quarter of the time.
os.environ.setdefault("GOGC", "400")

# `yaml.safe_load` reads with libyaml: ten times as fast as the parser in Python.
yaml.SafeLoader = yaml.CSafeLoader  # type: ignore[assignment, misc]

# The collector of garbage is to look at many new objects less often.
gc.set_threshold(20_000, 20, 20)

settings.register_profile(
    "house",
    deadline=None,  # a busy machine is no failure
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "40")),
)
settings.load_profile("house")

_LONG_FILES = (
    "tests/generator/test_mutations.py",
    "tests/newcomer/",
    "tests/e2e/",
    "tests/exporter/loadtest/",
    "tests/scripts/",
    "tests/exporter/test_failover.py",
    "tests/exporter/test_prober_process.py",
    "tests/exporter/test_attacks.py",
    "tests/exporter/test_reload_process.py",
    "tests/exporter/test_kill.py",
    "tests/benchmarks/",
    "tests/k8s/",
    "tests/install/",
    "tests/test_plugin_families.py",
    "tests/exporter/leaks/",
    "tests/generator/test_built_rules.py",
    "tests/generator/test_unit_tests.py",
    "tests/generator/test_reported_histories.py",
    "tests/generator/test_counting_mutants.py",
    "tests/test_docs_commands.py",
    "tests/web/test_browser.py",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Twice as many workers as there are processors."""
    return 2 * (os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the tests of long files to the front; others keep their order."""
    ranks = {name: rank for rank, name in enumerate(_LONG_FILES)}

    def find_rank(item: pytest.Item) -> int:
        found = (rank for name, rank in ranks.items() if item.nodeid.startswith(name))
        return next(found, len(ranks))

    items.sort(key=find_rank)
    gc.freeze()  # what was collected stays until the end
