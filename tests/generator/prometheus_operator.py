"""Conversion of an AlertmanagerConfig as documented for the Prometheus Operator.

The route comes before the owner's and always continues; receivers and times get the object's
name before theirs. By the default strategy, OnNamespace, routes and inhibitions get a matcher for
the namespace of the object; by OnNamespaceExceptForAlertmanagerNamespace only if Alertmanager is in
another namespace, which it is not here. So pkg/alertmanager/amcfg.go of the operator has it.
"""

from typing import Any


def merge_as_operator(
    owner: dict[str, Any], config: dict[str, Any], *, strategy: str
) -> dict[str, Any]:
    """The owner's configuration with an object in it."""
    name, namespace = (config["metadata"][key] for key in ("name", "namespace"))
    prefix = f"{namespace}/{name}/"
    enforced = [f'namespace="{namespace}"'] if strategy == "OnNamespace" else []
    spec = config["spec"]
    route = _convert_route(spec["route"], prefix)
    route = {**route, "matchers": [*enforced, *route["matchers"]], "continue": True}
    return {
        **owner,
        "route": {**owner["route"], "routes": [route, *owner["route"]["routes"]]},
        "receivers": [
            *owner["receivers"],
            *({"name": prefix + r["name"]} for r in spec["receivers"]),
        ],
        "inhibit_rules": [
            {
                "source_matchers": [*enforced, *_convert_matchers(rule["sourceMatch"])],
                "target_matchers": [*enforced, *_convert_matchers(rule["targetMatch"])],
                "equal": rule["equal"],
            }
            for rule in spec["inhibitRules"]
        ],
        "time_intervals": [
            _convert_interval(each, prefix) for each in spec.get("muteTimeIntervals", [])
        ],
    }


def _convert_route(route: dict[str, Any], prefix: str) -> dict[str, Any]:
    fields = {
        "group_by": route["groupBy"],
        "group_wait": route.get("groupWait"),
        "group_interval": route.get("groupInterval"),
        "repeat_interval": route.get("repeatInterval"),
        "active_time_intervals": [prefix + each for each in route.get("activeTimeIntervals", [])],
        "mute_time_intervals": [prefix + each for each in route.get("muteTimeIntervals", [])],
    }
    return {
        "matchers": _convert_matchers(route["matchers"]),
        "receiver": prefix + route["receiver"],
        **{key: value for key, value in fields.items() if value},
        "routes": [_convert_route(each, prefix) for each in route.get("routes", [])],
    }


def _convert_matchers(matchers: list[dict[str, str]]) -> list[str]:
    return [f'{each["name"]}{each["matchType"]}"{each["value"]}"' for each in matchers]


def _convert_interval(interval: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {
        "name": prefix + interval["name"],
        "time_intervals": [
            {
                "weekdays": each["weekdays"],
                "times": [
                    {"start_time": time["startTime"], "end_time": time["endTime"]}
                    for time in each.get("times", [])
                ],
            }
            for each in interval["timeIntervals"]
        ],
    }
