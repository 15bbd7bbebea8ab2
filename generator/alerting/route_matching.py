"""Routes and inhibitions of an Alertmanager configuration, as Alertmanager applies them.

Semantics: https://prometheus.io/docs/alerting/latest/configuration/#route and `#inhibit_rule`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.alerting.model import Inhibition, Matcher
from slos.schema.golang import Re2Error, Re2Pattern

Labels = Mapping[str, str]
Config = Mapping[str, Any]
"""Alertmanager configuration as in YAML."""

_INTEGRATIONS = "_configs"
# A matcher, and the comma before the next one; the name and the value may be quoted.
_MATCHER = re.compile(
    r'\s*("(?:[^"\\]|\\.)*"|[^\s"=!~,{}]+)\s*(=~|!=|!~|=)\s*("(?:[^"\\]|\\.)*"|[^,]*)\s*(?:,|$)',
    re.DOTALL,
)
_DEFAULTS = {"receiver": "", "repeat_interval": "4h", "group_interval": "5m"}
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Receiver of notifications.

    Attributes:
        name: its name.
        integrations: kinds of its integrations, such as `slack` or `webhook`, without duplicates.
        urls: URLs of its webhooks; newer versions of Alertmanager show `<secret>`.
    """

    name: str
    integrations: tuple[str, ...]
    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MatchedRoute:
    """Route that an alert takes.

    Attributes:
        receiver: name of the receiver.
        route: matchers of the routes from the root, as text.
        muted_in: time intervals in which it does not notify.
        active_in: time intervals outside of which it does not notify.
        repeat_interval: interval of repeated notifications, inherited from the routes above.
        group_interval: shortest time between two notifications, inherited likewise.
    """

    receiver: str
    route: str
    muted_in: tuple[str, ...]
    active_in: tuple[str, ...]
    repeat_interval: str
    group_interval: str


def list_receivers(config: Config) -> dict[str, Receiver]:
    """List the receivers of a configuration by name."""
    receivers = {}
    for each in config.get("receivers") or ():
        kinds = [key for key, value in each.items() if key.endswith(_INTEGRATIONS) and value]
        webhooks = each.get("webhook_configs") or ()
        urls = (str(hook.get("url") or hook.get("url_file") or "") for hook in webhooks)
        integrations = tuple(kind.removesuffix(_INTEGRATIONS) for kind in kinds)
        name = str(each.get("name", ""))
        receivers[name] = Receiver(name, integrations, tuple(urls))
    return receivers


def match_routes(config: Config, labels: Labels) -> list[MatchedRoute]:
    """Find the routes that an alert takes; more than one where routes set `continue`."""
    root = config.get("route") or {}
    return list(_walk_route(root, labels, (), _DEFAULTS))


def _walk_route(
    route: Config, labels: Labels, parents: tuple[str, ...], inherited: Mapping[str, str]
) -> Iterator[MatchedRoute]:
    """Walk a route that matches: its first matching child, and those that `continue` reaches."""
    settings = {key: str(route.get(key) or value) for key, value in inherited.items()}
    path = (*parents, *(str(matcher) for matcher in read_matchers(route)))
    matched = False
    for child in route.get("routes") or ():
        if not match_labels(read_matchers(child), labels):
            continue
        matched = True
        yield from _walk_route(child, labels, path, settings)
        if not child.get("continue"):
            return
    if not matched:
        yield MatchedRoute(
            receiver=settings["receiver"],
            route=" > ".join(path) or "the root route",
            muted_in=tuple(route.get("mute_time_intervals") or ()),
            active_in=tuple(route.get("active_time_intervals") or ()),
            repeat_interval=settings["repeat_interval"],
            group_interval=settings["group_interval"],
        )


def list_inhibitions(config: Config) -> list[Inhibition]:
    """List the inhibition rules of a configuration."""
    return [
        Inhibition(
            read_matchers(each, "source_"),
            read_matchers(each, "target_"),
            tuple(each.get("equal") or ()),
        )
        for each in config.get("inhibit_rules") or ()
    ]


def read_matchers(node: Config, prefix: str = "") -> tuple[Matcher, ...]:
    """Read the matchers of a route or of one side of an inhibition rule, old spellings included.

    Raises:
        ValueError: a matcher cannot be parsed.
    """
    matchers = [
        matcher
        for text in node.get(f"{prefix}matchers") or ()
        for matcher in parse_matchers(str(text))
    ]
    exact, patterns = node.get(f"{prefix}match") or {}, node.get(f"{prefix}match_re") or {}
    matchers += [Matcher(label, "=", str(value)) for label, value in exact.items()]
    matchers += [Matcher(label, "=~", str(value)) for label, value in patterns.items()]
    return tuple(matchers)


def parse_matchers(text: str) -> Iterator[Matcher]:
    """Parse matchers as Alertmanager writes them: `a="1"`, `a=~1|2`, `{a="1", b!=2}`.

    Raises:
        ValueError: the text is not a list of matchers.
    """
    inner = text.strip()
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1].strip().removesuffix(",")
    position = 0
    while position < len(inner):
        found = _MATCHER.match(inner, position)
        if not found:
            raise ValueError(f"{text!r} is not a matcher of Alertmanager")
        label, operator, value = found.groups()
        yield Matcher(_unquote(label), operator, _unquote(value.strip()))
        position = found.end()


def _unquote(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found.group(1), found.group(0)), value)


def match_labels(matchers: Sequence[Matcher], labels: Labels) -> bool:
    """Tell whether all matchers match; a missing label has the empty value."""
    return all(_match_value(matcher, labels.get(matcher.label, "")) for matcher in matchers)


def _match_value(matcher: Matcher, value: str) -> bool:
    if matcher.op in ("=", "!="):
        return (matcher.value == value) is (matcher.op == "=")
    try:
        pattern = Re2Pattern(f"^(?:{matcher.value})$")
    except Re2Error as error:
        raise ValueError(f"the matcher {matcher} is not valid: {error}") from error
    return pattern.matches(value) is (matcher.op == "=~")
