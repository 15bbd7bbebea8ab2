"""Errors in the shape in which Linear sends them. Pure."""

from typing import Any

from graphql import GraphQLError

Errors = dict[str, Any]


def extensions(code: str, kind: str, status: int, *, told: str) -> dict[str, Any]:
    """The `extensions` of an error.

    Args:
        code: e.g. `INPUT_ERROR`.
        kind: e.g. `invalid input`.
        status: the HTTP status it stands for; not always the one it is sent with.
        told: what a user may read.
    """
    return {
        "type": kind,
        "code": code,
        "statusCode": status,
        "userError": True,
        "userPresentableMessage": told,
    }


def not_found(what: str) -> GraphQLError:
    """There is no such thing."""
    told = f"Could not find referenced {what}."
    return GraphQLError(
        f"Entity not found: {what}",
        extensions=extensions("INPUT_ERROR", "invalid input", 400, told=told),
    )


def invalid(told: str) -> GraphQLError:
    """An argument is of the right type, but not one that is taken."""
    return GraphQLError(
        "Argument Validation Error",
        extensions=extensions("INVALID_INPUT", "invalid input", 400, told=told),
    )


def forbidden() -> GraphQLError:
    """The key may not do this."""
    told = "You don't have permission to perform this action."
    return GraphQLError(
        "Forbidden", extensions=extensions("FORBIDDEN", "forbidden", 403, told=told)
    )


def of_request(message: str, code: str, kind: str, *, status: int, told: str = "") -> Errors:
    """A whole body, for what fails before a query runs."""
    described = extensions(code, kind, status, told=told or message)
    return {"errors": [{"message": message, "extensions": described}]}


def unauthenticated() -> Errors:
    """The key is missing or wrong."""
    return of_request(
        "Authentication required, not authenticated",
        "AUTHENTICATION_ERROR",
        "authentication error",
        status=401,
        told="You need to authenticate to access this operation.",
    )


def rate_limited() -> Errors:
    """A limit is used up."""
    return of_request("Rate limit exceeded", "RATELIMITED", "ratelimited", status=429)


def refused(errors: list[GraphQLError], code: str) -> Errors:
    """A query that does not run: its syntax, its fields or its variables are wrong."""
    described = [
        error.formatted | {"extensions": extensions(code, "graphql error", 400, told=error.message)}
        for error in errors
    ]
    return {"errors": described}
