"""`slo-probe simulate`: run the simulator until it is told to stop."""

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
  lost                     answers 200, never calls the function
  duplicated               calls the function twice
  corrupted                alters a parameter on the way (not probe_id)
  error                    answers 500, executes nothing
  hang                     never answers, executes nothing
  down                     cuts every connection without an answer
  slow:<stage>:<seconds>   takes longer in one stage
  leak:<bytes>             keeps that many bytes per event for ever
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
    callback=options.check_template,
    help="Where functions live; locally e.g. http://127.0.0.1:8081/.",
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
    help="File with the Linear API key; without it no issue is opened.",
)
@click.option(
    "--capacity",
    metavar="EVENTS_PER_SECOND",
    type=float,
    default=DEFAULT_CAPACITY,
    show_default=True,
    callback=options.check_rate,
    help="What the one virtual CPU sustains; 0 is unlimited.",
)
@click.option(
    "--fault",
    "faults",
    metavar="FAULT",
    multiple=True,
    callback=options.parse_faults_option,
    help="A fault to start with, repeatable or separated by commas.",
)
def simulate(
    *,
    listen: tuple[str, int],
    function_url: str,
    linear_url: str,
    linear_key_file: str | None,
    capacity: float,
    faults: AgentFaults,
) -> None:
    """Serve a simulated agent-sre, as it was measured, quirks included.

    It answers 200 to every CloudEvent it can read, whatever became of it. Above its capacity
    it starves: the function's health check times out and events are lost, still answered 200.
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
