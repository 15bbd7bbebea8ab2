"""Command `slo-probe scenario`: runs a scenario on a running prober and prints its result.

Exit codes: 0 every target was met; 1 one was not; 2 there is no result. With `--any-result` a
missed target is 0 as well: where alerting rules watch the gauges, a failed job then only means that
there is no result.
"""

import asyncio
import json
import signal
import sys

import aiohttp
import click
from pydantic import ValidationError

from exporter.httpclient.settings import SourceSettings
from exporter.loadtest.client import Asking, CannotRunError, carried_out, step_line, table
from exporter.loadtest.result import Result, State, Step

_NOT_KEPT, _NO_RESULT = 1, 2


@click.command()
@click.argument("name")
@click.option("--at", required=True, metavar="URL", help="Where the prober serves its pages.")
@click.option("--any-result", is_flag=True, help="Exit with 0 also when it is not as promised.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--user", metavar="NAME", help="Whom to log in as.")
@click.option("--password-file", metavar="FILE", help="The file that holds the password.")
@click.option("--ca-file", metavar="FILE", help="The authorities to trust, PEM.")
def scenario(  # noqa: PLR0913 - one argument per option
    *,
    name: str,
    at: str,
    any_result: bool,
    as_json: bool,
    user: str | None,
    password_file: str | None,
    ca_file: str | None,
) -> None:
    """Have the prober at URL send the load NAME: throughput, stress or scalability.

    Waits for the end. Ctrl-C and SIGTERM stop the load. Exits with 0 when all that was promised
    was kept, 1 when it was not, 2 when there is no result.
    """
    if (user is None) != (password_file is None):
        raise click.UsageError("--user and --password-file belong together")
    login = {"basic_auth": {"username": user, "password_file": password_file}} if user else {}
    trust = {"tls": {"ca_file": ca_file}} if ca_file else {}
    try:
        settings = SourceSettings.model_validate({"url": at, **login, **trust})
    except ValidationError as error:
        raise click.UsageError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
    try:
        result = asyncio.run(_carried_out(settings, name))
    except CannotRunError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(_NO_RESULT)
    except (asyncio.CancelledError, KeyboardInterrupt):
        click.echo("stopped; what is on its way still gets its verdict", err=True)
        sys.exit(_NO_RESULT)
    click.echo(json.dumps(result.as_json(), indent=2) if as_json else table(result))
    sys.exit(_code(result, any_result=any_result))


def _code(result: Result, *, any_result: bool) -> int:
    if any_result and result.state is State.COMPLETED:
        return 0
    return {True: 0, False: _NOT_KEPT, None: _NO_RESULT}[result.met]


async def _carried_out(settings: SourceSettings, name: str) -> Result:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with aiohttp.ClientSession(headers={"User-Agent": "slo-probe"}) as session:
        return await carried_out(Asking(settings, session), name, _tell_step)


def _tell_step(result: Result, step: Step) -> None:
    click.echo(step_line(result, step), err=True)
