"""A silence that hides one alert, for a while."""

import re
import shlex

from generator import names
from generator.runbooks.topics import Kind, Topic
from slos.schema.promql import quoted
from slos.schema.units import Duration

_LONG = Duration.of(days=1)
_SHORT = Duration.of(hours=2)


def command(topic: Topic) -> str:
    """The call of amtool, line by line."""
    return " \\\n  ".join(
        [
            f"amtool silence add --alertmanager.url={shlex.quote(topic.known.alertmanager_url)}",
            f'--duration={length(topic)} --author="$USER" --comment="REASON AND OWNER"',
            *_matchers(topic),
        ]
    )


def expire(topic: Topic) -> str:
    """How to end it before its time, and no other silence of an alert of that name."""
    url = f"--alertmanager.url={shlex.quote(topic.known.alertmanager_url)}"
    matchers = " ".join(_matchers(topic))
    return f"amtool silence expire {url} $(amtool silence query -q {url} {matchers})"


def labels(topic: Topic) -> dict[str, str]:
    """What tells this alert from all others, as far as its labels are no templates."""
    own = names.key(topic.slo) if topic.slo else {}
    service = topic.rule.labels.get(names.SERVICE, "")
    if not topic.slo and service and "{{" not in service:
        own = {names.SERVICE: service}
    return {"alertname": topic.name, **own}


def length(topic: Topic) -> Duration:
    """An hour or two for what wakes people, a working day for the rest."""
    return _SHORT if topic.kind is Kind.PAGE or topic.severity == "critical" else _LONG


def _matchers(topic: Topic) -> list[str]:
    """Each as a word of a shell."""
    return [shlex.quote(_matcher(name, value)) for name, value in labels(topic).items()]


def _matcher(name: str, value: str) -> str:
    """One that survives being read and typed: what cannot be seen is matched by a dot."""
    seen = "".join(c if c.isprintable() or c == "\n" else "\0" for c in value)
    if "\0" not in seen:
        return f"{name}={quoted(value)}"
    return f"{name}=~{quoted('.'.join(map(re.escape, seen.split(chr(0)))))}"
