"""Error shapes and rate-limit headers."""

from typing import Any

from graphql import GraphQLError

Errors = dict[str, Any]

_HOUR = 3600.0


def extensions(code: str, kind: str, status: int, *, told: str) -> dict[str, Any]:
    """Build the `extensions` of an error.

    Args:
        code: e.g. `INPUT_ERROR`.
        kind: e.g. `invalid input`.
        status: HTTP status of the error; not always the one it is sent with.
        user_message: message for users.
    """
    return {
        "type": kind,
        "code": code,
        "statusCode": status,
        "userError": True,
        "userPresentableMessage": told,
    }


def not_found(what: str) -> GraphQLError:
    """Build the error for an entity that does not exist."""
    told = f"Could not find referenced {what}."
    return GraphQLError(
        f"Entity not found: {what}",
        extensions=extensions("INPUT_ERROR", "invalid input", 400, told=told),
    )


def invalid(told: str) -> GraphQLError:
    """Build the error for an argument of the right type with an invalid value."""
    return GraphQLError(
        "Argument Validation Error",
        extensions=extensions("INVALID_INPUT", "invalid input", 400, told=told),
    )


def forbidden() -> GraphQLError:
    """Build the error for a missing permission."""
    told = "You don't have permission to perform this action."
    return GraphQLError(
        "Forbidden", extensions=extensions("FORBIDDEN", "forbidden", 403, told=told)
    )


def of_request(message: str, code: str, kind: str, *, status: int, told: str = "") -> Errors:
    """Build a whole body for an error before the query runs."""
    described = extensions(code, kind, status, told=told or message)
    return {"errors": [{"message": message, "extensions": described}]}


def unauthenticated() -> Errors:
    """Build the body for a missing or wrong key."""
    return of_request(
        "Authentication required, not authenticated",
        "AUTHENTICATION_ERROR",
        "authentication error",
        status=401,
        told="You need to authenticate to access this operation.",
    )


def rate_limited() -> Errors:
    """Build the body for an exhausted limit."""
    return of_request("Rate limit exceeded", "RATELIMITED", "ratelimited", status=429)


def refused(errors: list[GraphQLError], code: str) -> Errors:
    """Build the body for a query with errors in its syntax, fields or variables."""
    described = [
        error.formatted | {"extensions": extensions(code, "graphql error", 400, told=error.message)}
        for error in errors
    ]
    return {"errors": described}


class Bucket:
    """Leaky bucket with the amount of one hour; it refills evenly."""

    def __init__(self, per_hour: int, *, now: float) -> None:
        self._size = per_hour
        self._left = float(per_hour)
        self._at = now

    def take(self, cost: int, *, now: float) -> bool:
        """Take a cost, or nothing when less than the cost is left."""
        self._fill(now)
        if not self._size:
            return True
        if cost > self._left:
            return False
        self._left -= cost
        return True

    def headers(self, name: str, *, now: float, wall: float) -> dict[str, str]:
        """Build the rate limit headers of a response; empty when there is no limit.

        Args:
            name: `Requests` or `Complexity`.
            now: monotonic seconds.
            wall: seconds since 1970 on the server's clock.
        """
        self._fill(now)
        if not self._size:
            return {}
        full_in = (self._size - self._left) / self._size * _HOUR
        return {
            f"X-RateLimit-{name}-Limit": str(self._size),
            f"X-RateLimit-{name}-Remaining": str(int(self._left)),
            f"X-RateLimit-{name}-Reset": str(round((wall + full_in) * 1000)),
        }

    def _fill(self, now: float) -> None:
        self._left = min(self._size, self._left + (now - self._at) * self._size / _HOUR)
        self._at = now
