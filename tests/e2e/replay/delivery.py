"""Episodes of alerts sent through a real Alertmanager, faster than they happened."""

import queue
import re
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.e2e.alertmanager import AlertmanagerServer, run_alertmanager, run_webhook_receiver
from tests.e2e.replay.evaluation import Episode
from tests.generator.amtool import BUILT, read_fragment

SPEED = 120.0
"""Times by which the replay is faster: a minute takes half a second."""

_LONGEST_LAG = 0.2
"""Seconds."""
_DELAY_OF_ENDS = 0.5
"""Minutes. Groups are looked at in whole minutes, so the order is not left to chance."""

_DURATION = re.compile(r"(\d+)(ms|[smhdw])")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_TIMINGS = ("group_wait", "group_interval", "repeat_interval")
_HOURS = ("active_time_intervals", "mute_time_intervals")


@dataclass(frozen=True, slots=True)
class Notification:
    """A message to a receiver.

    Attributes:
        house: the replay that it is about.
        minute: minutes since the start of the replay.
        receiver: its receiver.
        firing: names of the alerts that fire, each once.
        resolved: names of the alerts that no longer fire.
        is_first: whether it opens an incident; later messages of the group update it.
    """

    house: str
    minute: float
    receiver: str
    firing: tuple[str, ...]
    resolved: tuple[str, ...]
    is_first: bool


def build_fast_config(address: str, speed: float) -> dict[str, Any]:
    """Build the generated configuration with short times, at any hour, with a webhook per role."""
    config = read_fragment()
    _shorten_route(config["route"], speed)
    config.pop("time_intervals", None)
    for receiver in config["receivers"]:
        if receiver["name"] != "null":
            receiver["webhook_configs"] = [{"url": f"{address}/{receiver['name']}"}]
    return config


def _shorten_route(route: dict[str, Any], speed: float) -> None:
    for key in _HOURS:
        route.pop(key, None)
    for key in _TIMINGS:
        if key in route:
            milliseconds = 1000 * _read_seconds(route[key]) / speed
            route[key] = f"{max(round(milliseconds), 1)}ms" if milliseconds else "0s"
    for child in route.get("routes", ()):
        _shorten_route(child, speed)


def _read_seconds(text: str) -> float:
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))


def deliver_episodes(
    episodes: Mapping[str, Iterable[Episode]],
    build_config: Callable[[str, float], dict[str, Any]],
    folder: Path,
    *,
    minutes: float,
    speed: float = SPEED,
) -> list[Notification]:
    """Send the episodes of all houses, each a cluster of its own, and list what is received.

    A machine that is too busy to send in time, and so might change the order, gets twice the time.

    Args:
        episodes: episodes by house.
        build_config: builds the configuration for an address of a receiver and a speed.
        folder: an empty folder.
        minutes: length of the replay.
        speed: times by which it is faster.
    """
    own = folder / f"speed-{speed:g}"
    shutil.copytree(BUILT / "templates", own / "templates")
    with run_webhook_receiver() as (address, received):
        path = own / "alertmanager.yml"
        path.write_text(yaml.safe_dump(build_config(address, speed), sort_keys=False))
        with run_alertmanager(path, own) as alertmanager:
            events = _list_events(episodes)
            found, lag = _play(alertmanager, received, events, minutes=minutes, speed=speed)
    if lag > _LONGEST_LAG and speed > SPEED / 4:
        return deliver_episodes(episodes, build_config, folder, minutes=minutes, speed=speed / 2)
    return found


_Event = tuple[float, bool, dict[str, str]]


def _list_events(episodes: Mapping[str, Iterable[Episode]]) -> list[_Event]:
    """List the beginnings and ends of episodes in their order."""
    events: list[_Event] = []
    for house, each in episodes.items():
        for episode in each:
            labels = {**dict(episode.labels), "cluster": house}
            events.append((episode.start, True, labels))
            if episode.end is not None:
                events.append((episode.end + _DELAY_OF_ENDS, False, labels))
    return sorted(events, key=lambda event: event[0])


def _play(
    alertmanager: AlertmanagerServer,
    received: "queue.Queue[tuple[str, dict[str, Any]]]",
    events: Sequence[_Event],
    *,
    minutes: float,
    speed: float,
) -> tuple[list[Notification], float]:
    """Play events; return what is received, and the longest delay of an event in seconds."""
    notifications: list[Notification] = []
    open_groups: set[str] = set()
    lag = 0.0
    started = time.monotonic()

    def receive_until(minute: float) -> None:
        end = started + minute * 60 / speed
        while (wait := end - time.monotonic()) > 0:
            try:
                _, message = received.get(timeout=wait)
            except queue.Empty:
                return
            now = (time.monotonic() - started) * speed / 60
            notifications.append(_read_message(message, now, open_groups))

    remaining = list(events)
    while remaining:
        minute = remaining[0][0]
        receive_until(minute)
        due = [event for event in remaining if event[0] == minute]
        remaining = remaining[len(due) :]
        _post(alertmanager, due)
        lag = max(lag, time.monotonic() - started - minute * 60 / speed)
    receive_until(minutes)
    return notifications, lag


def _post(alertmanager: AlertmanagerServer, events: Sequence[_Event]) -> None:
    now = datetime.now(UTC)
    body = [
        {
            "labels": labels,
            "annotations": {},
            "endsAt": (now + timedelta(hours=1) if fires else now).isoformat(),
        }
        for _, fires, labels in events
    ]
    url = f"{alertmanager.url}/api/v2/alerts"
    requests.post(url, json=body, timeout=10).raise_for_status()


def _read_message(message: Mapping[str, Any], minute: float, open_groups: set[str]) -> Notification:
    group = f"{message['receiver']} {message['groupKey']}"
    names: dict[str, list[str]] = {"firing": [], "resolved": []}
    for alert in message["alerts"]:
        names[alert["status"]].append(alert["labels"]["alertname"])
    is_first = group not in open_groups
    if message["status"] == "firing":
        open_groups.add(group)
    else:
        open_groups.discard(group)
    (house,) = {alert["labels"].get("cluster", "") for alert in message["alerts"]}
    return Notification(
        house,
        minute,
        message["receiver"],
        tuple(sorted(set(names["firing"]))),
        tuple(sorted(set(names["resolved"]) - set(names["firing"]))),
        is_first,
    )
