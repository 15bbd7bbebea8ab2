"""Command `slo-probe simulate`: serve the agent-sre simulator until SIGTERM or Ctrl-C."""

from pathlib import Path

import click

from exporter.simulator import options
from exporter.simulator.agent_sre.faults import AgentFaults
from exporter.simulator.agent_sre.server import serve_simulator
from exporter.simulator.agent_sre.settings import (
    DEFAULT_CAPACITY,
    DEFAULT_FUNCTION_URL,
    DEFAULT_LINEAR_URL,
    Settings,
)
from exporter.simulator.options import serve_until_signal

EPILOG = """
\b
Faults:
  none                     clears the faults before it
  lost                     responds 200, never calls the function
  duplicated               calls the function twice
  corrupted                changes a parameter of the call (not probe_id)
  error                    responds 500, executes nothing
  hang                     never responds, executes nothing
  down                     closes every connection without a response
  slow:<stage>:<seconds>   delays one stage
  leak:<bytes>             leaks that many bytes per event
  cpu:<seconds>            uses the real CPU for each event
  block:<seconds>          blocks the event loop for each event
  lock:<seconds>           holds a lock that all events share
  pool:<connections>       limits the connections to functions
Stages: cloudevent_processing, linear_issue_creation,
  remediation_selection, lambda_execution, verification

\b
Faults can be changed while it runs; the new ones replace the old:
  curl localhost:8000/fault
  curl localhost:8000/fault -d slow:lambda_execution:3,duplicated
  curl localhost:8000/fault -d '{"faults": ["lost"]}'
  curl localhost:8000/fault -d none

\b
Examples:
  slo-probe simulate --function-url http://127.0.0.1:8081/
  slo-probe simulate --listen 127.0.0.1:0 --fault lost
  slo-probe simulate --capacity 0 --fault leak:100000
"""
"""Text below the options; `\\b` is click's mark for text it must not wrap."""


def _check_template(ctx: click.Context, param: click.Parameter, text: str) -> str:
    """Check a URL template; the only placeholders are {name} and {namespace}."""
    try:
        options.check_url(ctx, param, Settings(function_url=text).build_function_url("function"))
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        hint = "the only placeholders are {name} and {namespace}"
        raise click.BadParameter(f"{text!r} is not a URL template; {hint}") from error
    return text


@click.command(cls=options.OneLineErrors, epilog=EPILOG)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default="127.0.0.1:8000",
    show_default=True,
    callback=options.parse_address,
    help="Address to serve on; port 0 picks a free one.",
)
@click.option(
    "--function-url",
    metavar="TEMPLATE",
    default=DEFAULT_FUNCTION_URL,
    show_default=True,
    callback=_check_template,
    help="URL of the functions, such as http://127.0.0.1:8081/ for a local canary.",
)
@click.option(
    "--linear-url",
    metavar="URL",
    default=DEFAULT_LINEAR_URL,
    show_default=True,
    callback=options.check_url,
    help="GraphQL endpoint of Linear; only called with a key.",
)
@click.option(
    "--linear-key-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    callback=options.read_key_option,
    help="File with the Linear API key; without it, no issue is opened.",
)
@click.option(
    "--capacity",
    metavar="EVENTS_PER_SECOND",
    type=float,
    default=DEFAULT_CAPACITY,
    show_default=True,
    callback=options.check_rate,
    help="Events per second that the virtual CPU can process; 0 is unlimited.",
)
@options.fault_option(AgentFaults)
def simulate(
    *,
    listen: tuple[str, int],
    function_url: str,
    linear_url: str,
    linear_key_file: str | None,
    capacity: float,
    faults: AgentFaults,
) -> None:
    """Serve a simulated agent-sre that behaves like the measured service.

    It responds 200 to every CloudEvent that it can parse, even if the function was not executed.
    Above its capacity, the health check of the function times out and events are lost.
    """
    settings = Settings(
        function_url=function_url,
        linear_url=linear_url,
        linear_key=linear_key_file,
        capacity=capacity,
    )
    host, port = listen
    serve_until_signal(
        lambda: serve_simulator(settings, faults, host=host, port=port), listen=listen
    )
