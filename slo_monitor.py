"""Entry points of both programs.

They import this distribution's own packages, even if PYTHONPATH or another distribution has a
package named `generator`, `exporter` or `slos`. Packages of extras that are not installed are
reported with the extra to install.
"""

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from os.path import abspath, dirname

_ROOT = dirname(abspath(__file__))  # noqa: PTH100, PTH120 - importing pathlib would take longer
_PACKAGES = frozenset({"exporter", "generator", "slos"})


class _OwnPackages:
    """Import finder that looks for the packages of this distribution beside this file."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Find a package of this distribution."""
        return PathFinder.find_spec(name, [_ROOT]) if name in _PACKAGES else None


# Also in processes that are spawned, which import the console script and with it this module.
sys.meta_path.insert(0, _OwnPackages)


def run_rules() -> None:
    """Run `slo-rules`."""
    _run_program("slo-rules", "generator.cli", obj=_read_protection)


def run_probe() -> None:
    """Run `slo-probe`."""
    _run_program("slo-probe", "exporter.cli")


def _read_protection(path: object) -> object:
    """Read a `web.config.file` for the pages of `slo-rules`, as the prober does for its own."""
    return import_module("exporter.web.protection").read_protection(path)


def _run_program(program: str, module: str, obj: object = None) -> None:
    try:
        import_module(module).main(prog_name=program, obj=obj)
    except ModuleNotFoundError as error:
        from slos.schema.extras import describe_missing, find_extra  # noqa: PLC0415 - rarely needed

        extra = find_extra(program, error.name or "")
        if not extra:
            raise
        sys.exit(f"error: {describe_missing(program, extra)}")
