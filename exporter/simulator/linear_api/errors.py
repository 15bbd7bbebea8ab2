"""Error bodies in the format of Linear. Pure."""

from typing import Any

from graphql import GraphQLError

Errors = dict[str, Any]


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
