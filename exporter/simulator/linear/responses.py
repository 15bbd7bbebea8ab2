"""Responses of the Linear simulator: shapes of errors, and rate-limit headers."""

from typing import Any

from graphql import GraphQLError

ErrorBody = dict[str, Any]

_HOUR = 3600.0


def build_extensions(code: str, kind: str, status: int, *, user_message: str) -> dict[str, Any]:
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
        "userPresentableMessage": user_message,
    }


def build_not_found(entity: str) -> GraphQLError:
    """Build the error for an entity that does not exist."""
    user_message = f"Could not find referenced {entity}."
    return GraphQLError(
        f"Entity not found: {entity}",
        extensions=build_extensions("INPUT_ERROR", "invalid input", 400, user_message=user_message),
    )


def build_invalid_argument(user_message: str) -> GraphQLError:
    """Build the error for an argument of the right type with an invalid value."""
    return GraphQLError(
        "Argument Validation Error",
        extensions=build_extensions(
            "INVALID_INPUT", "invalid input", 400, user_message=user_message
        ),
    )


def build_forbidden() -> GraphQLError:
    """Build the error for a missing permission."""
    user_message = "You don't have permission to perform this action."
    return GraphQLError(
        "Forbidden",
        extensions=build_extensions("FORBIDDEN", "forbidden", 403, user_message=user_message),
    )


def build_request_error(
    message: str, code: str, kind: str, *, status: int, user_message: str = ""
) -> ErrorBody:
    """Build a whole body for an error before the query runs."""
    error_extensions = build_extensions(code, kind, status, user_message=user_message or message)
    return {"errors": [{"message": message, "extensions": error_extensions}]}


def build_unauthenticated() -> ErrorBody:
    """Build the body for a missing or wrong key."""
    return build_request_error(
        "Authentication required, not authenticated",
        "AUTHENTICATION_ERROR",
        "authentication error",
        status=401,
        user_message="You need to authenticate to access this operation.",
    )


def build_rate_limited() -> ErrorBody:
    """Build the body for an exhausted limit."""
    return build_request_error("Rate limit exceeded", "RATELIMITED", "ratelimited", status=429)


def build_query_errors(errors: list[GraphQLError], code: str) -> ErrorBody:
    """Build the body for a query with errors in its syntax, fields or variables."""
    formatted_errors = [
        error.formatted
        | {"extensions": build_extensions(code, "graphql error", 400, user_message=error.message)}
        for error in errors
    ]
    return {"errors": formatted_errors}


class LeakyBucket:
    """Leaky bucket with the amount of one hour; it refills evenly."""

    def __init__(self, per_hour: int, *, now: float) -> None:
        self._size = per_hour
        self._remaining = float(per_hour)
        self._filled_at = now

    def take(self, cost: int, *, now: float) -> bool:
        """Take a cost, or nothing when less than the cost is left."""
        self._refill(now)
        if not self._size:
            return True
        if cost > self._remaining:
            return False
        self._remaining -= cost
        return True

    def build_headers(self, name: str, *, now: float, wall: float) -> dict[str, str]:
        """Build the rate limit headers of a response; empty when there is no limit.

        Args:
            name: `Requests` or `Complexity`.
            now: monotonic seconds.
            wall: seconds since 1970 on the server's clock.
        """
        self._refill(now)
        if not self._size:
            return {}
        full_in = (self._size - self._remaining) / self._size * _HOUR
        return {
            f"X-RateLimit-{name}-Limit": str(self._size),
            f"X-RateLimit-{name}-Remaining": str(int(self._remaining)),
            f"X-RateLimit-{name}-Reset": str(round((wall + full_in) * 1000)),
        }

    def _refill(self, now: float) -> None:
        self._remaining = min(
            self._size, self._remaining + (now - self._filled_at) * self._size / _HOUR
        )
        self._filled_at = now
