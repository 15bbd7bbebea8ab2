"""Sloth's plugin chain: it selects, orders and runs the plugins of an SLO."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from generator.profiles.sloth.model import SlothRules, SlothSLO
from generator.profiles.sloth.plugins import SloPlugin, SloPluginError, load_slo_plugins
from slos.schema.problem import Position, Problem
from slos.schema.spec import LocatedSpec, PluginChain, PluginUse
from slos.schema.yaml.document import Location
from slos.schema.yaml.validation import explain_error

COMMAND_LINE = Position("--slo-plugins")
_DEFAULTS = tuple(
    PluginUse(id=f"sloth.dev/core/{name}/v1")
    for name in ("validate", "sli_rules", "metadata_rules", "alert_rules")
)


@dataclass(frozen=True, slots=True)
class _PluginLink:
    """Use of a plugin and its position in the spec; None for the command line."""

    use: PluginUse
    path: Location | None = None


@dataclass(frozen=True, slots=True)
class SloPluginChain:
    """Plugin chain of one SLO.

    Attributes:
        located: the spec.
        index: index of the SLO in the spec.
        command_line: plugins of the run.
    """

    located: LocatedSpec
    index: int
    command_line: Sequence[PluginUse]

    def run_plugins(self, slo: SlothSLO) -> tuple[SlothRules, list[Problem]]:
        """Run the plugins in order; return the rules and the problems."""
        rules, problems = SlothRules.create_empty(slo), []
        links = self._collect_links()
        if not links:
            problems.append(
                Problem(
                    self.located.find_position(("slos", self.index, "name")),
                    "overridePrevious is set without plugins; no rules are generated",
                    "add a chain, or remove overridePrevious",
                )
            )
        for link in links:
            plugin, found = self._configure_plugin(link)
            problems += found
            if plugin:
                try:
                    rules = plugin.process(slo, rules)
                except SloPluginError as error:
                    problems.append(self._build_problem(link, f"plugin {link.use.id}: {error}"))
        return rules, problems

    def _collect_links(self) -> list[_PluginLink]:
        spec, slo = self.located.spec, self.located.spec.slos[self.index]
        spec_links = list(_list_links(spec.slo_plugins, ("slo_plugins",)))
        slo_links = list(_list_links(slo.plugins, ("slos", self.index, "plugins")))
        if slo.plugins and slo.plugins.override_previous:
            return _sort_links(slo_links)
        if spec.slo_plugins and spec.slo_plugins.override_previous:
            return _sort_links([*spec_links, *slo_links])
        links = [*(_PluginLink(use) for use in self.command_line), *spec_links, *slo_links]
        early = [link for link in links if link.use.priority < 0]
        late = [link for link in links if link.use.priority >= 0]
        return [*_sort_links(early), *map(_PluginLink, _DEFAULTS), *_sort_links(late)]

    def _configure_plugin(self, link: _PluginLink) -> tuple[SloPlugin | None, list[Problem]]:
        kind = load_slo_plugins().get(link.use.id)
        if kind is None:
            hint = f"known plugins: {', '.join(load_slo_plugins())}"
            message = f"unknown SLO plugin {link.use.id!r}; plugins in Go are not supported"
            return None, [self._build_problem(link, message, hint)]
        try:
            return kind.model_validate(link.use.config), []
        except ValidationError as error:
            return None, [
                self._build_problem(
                    link, *explain_error({**detail, "loc": where}, kind), below=where
                )
                for detail in error.errors(include_url=False)
                for where in [("config", *detail["loc"])]
            ]

    def _build_problem(
        self, link: _PluginLink, message: str, hint: str = "", *, below: Location = ("id",)
    ) -> Problem:
        if link.path is None:
            return Problem(COMMAND_LINE, message, hint)
        return Problem(self.located.find_position((*link.path, *below)), message, hint)


def _list_links(chain: PluginChain | None, path: Location) -> Iterator[_PluginLink]:
    for number, use in enumerate(chain.chain if chain else ()):
        yield _PluginLink(use, (*path, "chain", number))


def _sort_links(links: list[_PluginLink]) -> list[_PluginLink]:
    return sorted(links, key=lambda link: link.use.priority)
