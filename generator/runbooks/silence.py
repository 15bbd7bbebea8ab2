"""Silence of one alert: the amtool commands that add and expire it."""

import re
import shlex

from generator import names
from generator.runbooks.topics import Kind, Topic
from slos.schema.promql import quoted
from slos.schema.units import Duration

_LONG = Duration.of(days=1)
_SHORT = Duration.of(hours=2)


def command(topic: Topic) -> str:
    """Render the amtool command that adds the silence, on several lines."""
    return " \\\n  ".join(
        [
            f"amtool silence add --alertmanager.url={shlex.quote(topic.known.alertmanager_url)}",
            f'--duration={length(topic)} --author="$USER" --comment="REASON AND OWNER"',
            *_matchers(topic),
        ]
    )


def expire(topic: Topic) -> str:
    """Render the command that expires this silence only."""
    url = f"--alertmanager.url={shlex.quote(topic.known.alertmanager_url)}"
    matchers = " ".join(_matchers(topic))
    return f"amtool silence expire {url} $(amtool silence query -q {url} {matchers})"


def labels(topic: Topic) -> dict[str, str]:
    """List the labels that identify this alert, without labels that are templates."""
    own = names.key(topic.slo) if topic.slo else {}
    service = topic.rule.labels.get(names.SERVICE, "")
    if not topic.slo and service and "{{" not in service:
        own = {names.SERVICE: service}
    return {"alertname": topic.name, **own}


def length(topic: Topic) -> Duration:
    """Choose the length of a silence: two hours for alerts that wake people, a day for others."""
    return _SHORT if topic.kind is Kind.PAGE or topic.severity == "critical" else _LONG


def _matchers(topic: Topic) -> list[str]:
    """Render the matchers, each quoted as a word of the shell."""
    return [shlex.quote(_matcher(name, value)) for name, value in labels(topic).items()]


def _matcher(name: str, value: str) -> str:
    """Render a matcher that can be read and typed: unprintable characters are matched by a dot."""
    seen = "".join(c if c.isprintable() or c == "\n" else "\0" for c in value)
    if "\0" not in seen:
        return f"{name}={quoted(value)}"
    return f"{name}=~{quoted('.'.join(map(re.escape, seen.split(chr(0)))))}"
