"""Command line of `slo-rules`; every command is one file in `generator/commands/`.

Exit codes: 0 success, 1 problems or drift, 2 wrong usage.
"""

import gc
import importlib
import os
from typing import cast

import click

from generator import commands
from slos.schema.plugin_loader import list_module_names

# Looking for plugins of pydantic reads the metadata of every installed package.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


class _Commands(click.Group):
    """Command group that finds commands by file name and imports one only when it is called."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list_module_names(commands.__name__)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{commands.__name__}.{cmd_name}")
        return cast("click.Command", module.command)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    package_name="slo-monitor", prog_name="slo-rules", message="%(prog)s %(version)s"
)
def main() -> None:
    """Generate Prometheus rules from SLO specs.

    Specs are in the format of Sloth, with extensions, or in OpenSLO. The rules compute error
    budgets and burn rates, and fire burn-rate alerts. Unit tests, dashboards, Alertmanager
    routing and runbooks are generated too.

    \b
    Examples:
      slo-rules build                          slos/ to rules/, every default format
      slo-rules build api.yaml -o -            one spec, rules to stdout
      slo-rules build specs -o out --format operator
      slo-rules check                          check specs, and that rules/ is up to date

    Shell completion: eval "$(_SLO_RULES_COMPLETE=bash_source slo-rules)", or zsh, fish.
    """
    # A run is short and makes few reference cycles; collecting them takes a tenth of its time.
    gc.disable()
