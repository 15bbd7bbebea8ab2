"""Checks of names that Kubernetes gives meaning to."""

import re
from collections.abc import Mapping

_DNS_LABEL = re.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DNS_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_TEXT = re.compile("[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LONGEST_PREFIX = 253


def check_namespace(value: str) -> str:
    """Return the name of a namespace; with an empty one, `kubectl apply` chooses.

    Raises:
        ValueError: it is not valid.
    """
    if value and not _DNS_LABEL.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a namespace; use at most 63 characters of a-z, 0-9 and -, "
            "like prometheus"
        )
    return value


def check_labels(labels: Mapping[str, str]) -> Mapping[str, str]:
    """Return labels of objects.

    Raises:
        ValueError: a key or value is not valid.
    """
    for key, value in labels.items():
        prefix, slash, name = key.rpartition("/")
        is_valid_prefix = not slash or (
            len(prefix) <= _LONGEST_PREFIX and _DNS_NAME.fullmatch(prefix)
        )
        if not (
            is_valid_prefix and _LABEL_TEXT.fullmatch(name) and _LABEL_TEXT.fullmatch(value or "x")
        ):
            raise ValueError(
                f"{key}={value} is not a valid Kubernetes label; use letters, digits, "
                "'-', '_' and '.', like team=web"
            )
    return labels
