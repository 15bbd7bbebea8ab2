"""Sloth's plugin chain: it selects, orders and runs the plugins of an SLO."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from generator.profiles.sloth.model import SlothRules, SlothSLO
from generator.profiles.sloth.plugins import PluginError, SloPlugin, slo_plugins
from slos.schema.problem import Position, Problem
from slos.schema.spec import LocatedSpec, PluginChain, PluginUse
from slos.schema.yaml.document import Location
from slos.schema.yaml.validation import explain

COMMAND_LINE = Position("--slo-plugins")
_DEFAULTS = tuple(
    PluginUse(id=f"sloth.dev/core/{name}/v1")
    for name in ("validate", "sli_rules", "metadata_rules", "alert_rules")
)


@dataclass(frozen=True, slots=True)
class _Link:
    """Use of a plugin and its position in the spec; None for the command line."""

    use: PluginUse
    path: Location | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """Plugin chain of one SLO.

    Attributes:
        located: the spec.
        index: index of the SLO in the spec.
        command_line: plugins of the run.
    """

    located: LocatedSpec
    index: int
    command_line: Sequence[PluginUse]

    def run(self, slo: SlothSLO) -> tuple[SlothRules, list[Problem]]:
        """Run the plugins in order; return the rules and the problems."""
        rules, problems = SlothRules.none_yet(slo), []
        links = self._links()
        if not links:
            problems.append(
                Problem(
                    self.located.at(("slos", self.index, "name")),
                    "overridePrevious is set and no plugins are defined, so there are no rules",
                    "add a chain, or remove overridePrevious",
                )
            )
        for link in links:
            plugin, found = self._configured(link)
            problems += found
            if plugin:
                try:
                    rules = plugin.process(slo, rules)
                except PluginError as error:
                    problems.append(self._problem(link, f"the plugin {link.use.id}: {error}"))
        return rules, problems

    def _links(self) -> list[_Link]:
        spec, slo = self.located.spec, self.located.spec.slos[self.index]
        of_spec = list(_of(spec.slo_plugins, ("slo_plugins",)))
        of_slo = list(_of(slo.plugins, ("slos", self.index, "plugins")))
        if slo.plugins and slo.plugins.override_previous:
            return _in_order(of_slo)
        if spec.slo_plugins and spec.slo_plugins.override_previous:
            return _in_order([*of_spec, *of_slo])
        given = [*(_Link(use) for use in self.command_line), *of_spec, *of_slo]
        early = [link for link in given if link.use.priority < 0]
        late = [link for link in given if link.use.priority >= 0]
        return [*_in_order(early), *map(_Link, _DEFAULTS), *_in_order(late)]

    def _configured(self, link: _Link) -> tuple[SloPlugin | None, list[Problem]]:
        kind = slo_plugins().get(link.use.id)
        if kind is None:
            hint = f"known here: {', '.join(slo_plugins())}"
            message = (
                f"the SLO plugin {link.use.id!r} is not among the Python ones, "
                "and Go programs cannot run here"
            )
            return None, [self._problem(link, message, hint)]
        try:
            return kind.model_validate(link.use.config), []
        except ValidationError as error:
            return None, [
                self._problem(link, *explain({**detail, "loc": where}, kind), below=where)
                for detail in error.errors(include_url=False)
                for where in [("config", *detail["loc"])]
            ]

    def _problem(
        self, link: _Link, message: str, hint: str = "", *, below: Location = ("id",)
    ) -> Problem:
        if link.path is None:
            return Problem(COMMAND_LINE, message, hint)
        return Problem(self.located.at((*link.path, *below)), message, hint)


def _of(chain: PluginChain | None, path: Location) -> Iterator[_Link]:
    for number, use in enumerate(chain.chain if chain else ()):
        yield _Link(use, (*path, "chain", number))


def _in_order(links: list[_Link]) -> list[_Link]:
    return sorted(links, key=lambda link: link.use.priority)
