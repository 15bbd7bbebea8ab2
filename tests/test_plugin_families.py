"""Plug-in families: an added file is used without changes in other files."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from exporter.devstack.stack import find_free_port
from exporter.fields import Address
from exporter.listener.server import bind_socket, format_url, serve_app
from exporter.observers import load_evidence_observers, load_remote_modules
from exporter.paths import load_path_modules
from exporter.scenarios import load_scenario_modules
from generator.outputs.grafana.boards import load_boards
from generator.slo.links import Board
from slos.schema.contract import DeliveryPath, Scenario, StageSource
from slos.schema.plugin_loader import DuplicatePluginError, load_modules_by_id
from tests.exporter.fake_agent import FakeAgent
from tests.exporter.slo_probe import run_prober, run_program, wait_until
from tests.schema.specs import ERRORS, TOTAL, build_slo, build_spec, dump_yaml

ROOT = Path(__file__).parents[1]
PACKAGES = ("exporter", "generator", "slos")
SPEC = build_spec()
QUERIES = {"errorQuery": ERRORS, "totalQuery": TOTAL}
OBJECT = {
    "apiVersion": "example.org/v1",
    "kind": "PrometheusServiceLevel",
    "metadata": {"name": "shop"},
    "spec": {"service": "shop", "slos": [build_slo(sli={"events": QUERIES})]},
}
UPTIME_SPEC = build_spec(build_slo(sli={"uptime": {"metric": "up_or_not"}}))
OUTPUT_OF_COMMAND = ""


@dataclass(frozen=True)
class Case:
    """A plug-in of `slo-rules`, a command that uses it, and where the plug-in shows."""

    path: str
    source: str
    command: str
    shown: dict[str, str]
    """Texts that only this plug-in puts into a file, by the file."""
    spec: object = field(default_factory=lambda: SPEC)

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]


COMMAND = '''\
"""Command `hello`."""

import click


@click.command()
def command() -> None:
    """Greet a user."""
    click.echo("hello")
'''
REPORT = '''\
"""Report format `count`."""

from generator.reports import Report

NAME = "count"


def render_report(report: Report) -> str:
    """Render the number of problems."""
    return f"{len(report.problems)} problems in total"
'''
CHECK = '''\
"""A service that is called shop."""

from collections.abc import Iterator

from generator.lint._subject import LintFinding, SloSubject

ID = "no-shop"
ALWAYS = True


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """An SLO of a shop."""
    if subject.slo.service == "shop":
        yield LintFinding(("name",), "this is a shop")
'''
OUTPUT = '''\
"""Output format `summary`."""

from collections.abc import Iterator, Sequence

from generator.model import Artifact, Plan
from generator.outputs import OutputSettings
from generator.text import yaml_writer

NAME = "summary"
ONE_FILE = True
ON_REQUEST = False
ENGINE = None


def render_plan(plan: Plan, _: OutputSettings) -> Iterator[Artifact]:
    """Render the names of the groups of a plan."""
    lines = [f"- {group.name}" for group in plan.groups]
    yield Artifact(plan.path, yaml_writer.render_document(plan.sources, lines))


def render_run(_: Sequence[Plan], _settings: OutputSettings) -> Iterator[Artifact]:
    """Render nothing."""
    yield from ()
'''
PROFILE = '''\
"""Profile `twin`."""

from dataclasses import replace

from generator.profiles import ProfileResult, exact
from generator.settings import RunSettings
from slos.schema.problem import Position, Problem, ProblemSeverity
from slos.schema.spec import LocatedSpec

NAME = "twin"
AS_WRITTEN = False
CHECKED = True
FULL_OBJECTIVE = False


def plan_spec(located: LocatedSpec, run_settings: RunSettings) -> ProfileResult:
    """Plan a spec as the exact profile does, with a warning."""
    result = exact.plan_spec(located, run_settings)
    problem = Problem(Position("twin"), "planned twice", "", ProblemSeverity.WARNING)
    return replace(result, problems=(*result.problems, problem))
'''
GROUP = '''\
"""Group `apart`."""

from generator.model import SLO, RecordingRule, RuleGroup
from generator.rules.groups import Role

ROLE = Role.OTHER


def build_group(slo: SLO) -> RuleGroup:
    """Build a group of one rule."""
    rule = RecordingRule("slo:apart", "vector(1)", {"sloth_id": slo.id})
    return RuleGroup(f"slo-apart-{slo.id}", slo.steps.coarse, (rule,))
'''
DASHBOARD = '''\
"""Dashboard `slo-empty`."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard

from generator.outputs.grafana import frame
from generator.outputs.grafana.frame import BoardInfo
from generator.outputs.grafana.queries import BuildSummary

BOARD = BoardInfo(uid="slo-empty", title="SLOs: empty", description="Empty.", span="1h", order=9)


def build_dashboard(_: BuildSummary, others: Sequence[BoardInfo]) -> dashboard.Dashboard:
    """Build the dashboard."""
    return frame.create_dashboard(BOARD, others)
'''
SLI_TYPE = '''\
"""SLI type `uptime`."""

from typing import ClassVar

from slos.schema.sli.gauge import GaugeSli


class UptimeSli(GaugeSli):
    """A gauge under another name."""

    KEY: ClassVar = "uptime"
'''
SLO_PLUGIN = '''\
"""SLO plug-in that renames the group of alerts."""

from dataclasses import replace
from typing import ClassVar

from generator.profiles.sloth.model import SlothRules, SlothSLO
from generator.profiles.sloth.plugins import SloPlugin


class RenamePlugin(SloPlugin):
    """Plug-in without settings."""

    ID: ClassVar = "example.org/rename/v1"

    def process(self, _: SlothSLO, rules: SlothRules) -> SlothRules:
        """Rename the group."""
        return replace(rules, meta=replace(rules.meta, name="renamed-group"))
'''
DIALECT = (
    (ROOT / "slos/schema/dialects/sloth_crd.py")
    .read_text()
    .replace("sloth.slok.dev/v1", "example.org/v1")
)
TO_FOLDER, TO_TERMINAL = "build shop.yaml -o out", "build shop.yaml -o -"
CASES = [
    Case("generator/commands/hello.py", COMMAND, "hello", {OUTPUT_OF_COMMAND: "hello"}),
    Case(
        "generator/reports/count.py",
        REPORT,
        "check shop.yaml -o - --output count",
        {OUTPUT_OF_COMMAND: " problems in total"},
    ),
    Case("generator/lint/no_shop.py", CHECK, TO_TERMINAL, {OUTPUT_OF_COMMAND: "this is a shop"}),
    Case(
        "generator/outputs/summary.py",
        OUTPUT,
        TO_FOLDER,
        {"out/summary/shop.yaml": "- slo-fine-shop-requests"},
    ),
    Case(
        "generator/profiles/twin.py",
        PROFILE,
        f"{TO_TERMINAL} --profile twin",
        {OUTPUT_OF_COMMAND: "planned twice"},
    ),
    Case(
        "generator/rules/groups/apart.py",
        GROUP,
        TO_FOLDER,
        {"out/prometheus/shop.yaml": "name: slo-apart-shop-requests"},
    ),
    Case(
        "generator/outputs/grafana/boards/empty.py",
        DASHBOARD,
        f"{TO_FOLDER} --format grafana",
        {"out/slo-empty.json": '"title": "SLOs: empty"', "out/slo-overview.json": "/d/slo-empty"},
    ),
    Case(
        "slos/schema/sli/uptime.py",
        SLI_TYPE,
        TO_TERMINAL,
        {OUTPUT_OF_COMMAND: "count_over_time(up_or_not["},
        UPTIME_SPEC,
    ),
    Case(
        "slos/schema/dialects/example.py",
        DIALECT,
        TO_TERMINAL,
        {OUTPUT_OF_COMMAND: "slo-fine-shop-requests"},
        OBJECT,
    ),
    Case(
        "generator/profiles/sloth/plugins/rename.py",
        SLO_PLUGIN,
        f"""{TO_TERMINAL} --profile sloth -s '{{"id": "example.org/rename/v1"}}'""",
        {OUTPUT_OF_COMMAND: "renamed-group"},
    ),
]

PROBE = (ROOT / "exporter/probes/resolved.py").read_text().replace('"resolved"', '"again"')
PATH = (ROOT / "exporter/paths/direct.py").read_text().replace('"direct"', '"shortcut"')
OBSERVER = '''\
"""Observer that measures every run alike."""

from exporter.model.evidence import Evidence
from exporter.model.bounds import Bounds
from exporter.model.stages import Accuracy
from slos.schema.contract import Stage

SOURCE = "ruler"
STAGES = {Stage.VERIFICATION: Accuracy.EXACT}
PATHS = None


def measure_stages(_: Evidence) -> dict[Stage, Bounds]:
    """Measure nothing."""
    return {Stage.VERIFICATION: Bounds.exactly(0.125)}
'''
LATE_OBSERVER = (
    (ROOT / "exporter/observers/tempo/__init__.py")
    .read_text()
    .replace('SOURCE = "tempo"', 'SOURCE = "jaeger"')
)
SCENARIO = '''\
"""Scenario `single`: one event."""

from collections.abc import Iterable, Sequence

from exporter.loadtest.metrics import ScenarioSample
from exporter.loadtest.result import ScenarioResult
from exporter.loadtest.run import ScenarioRun
from exporter.loadtest.settings import LoadSettings
from slos.schema.contract import BREAKING_POINT

SCENARIO = "single"
NEEDS_PROMETHEUS = False
UNIT = "events"


class Settings(LoadSettings):
    """No settings of its own."""

    def count_max_events(self) -> int:
        """Count the event before the load, and the load."""
        return 2


async def run_scenario(_: Settings, scenario_run: ScenarioRun) -> None:
    """Send the event."""
    await scenario_run.send_events([0.0])


def list_samples(results: Sequence[ScenarioResult]) -> Iterable[ScenarioSample]:
    """List the number of events."""
    return [ScenarioSample(BREAKING_POINT, results[0].events, {})]
'''
TIMES = "timeout: 5s, settle: 20ms, late_after: 4s, max_send_lag: 4s"
PROBER_FAMILIES = {"probes", "paths", "observers", "scenarios"}

AddPlugin = Callable[[str, str], Path]


@pytest.fixture
def add_plugin(tmp_path: Path) -> AddPlugin:
    """Add a file to a copy of the packages; returns the folder of the copy."""

    def add(path: str, source: str) -> Path:
        root = tmp_path / "copy"
        for package in PACKAGES:
            shutil.copytree(ROOT / package, root / package, copy_function=os.symlink)
        assert not (root / path).exists()
        (root / path).write_text(source)
        return root

    return add


@pytest.fixture
async def agent() -> AsyncIterator[FakeAgent]:
    fake = FakeAgent()
    listener = bind_socket("test", Address("127.0.0.1", 0))
    fake.url = format_url(listener)
    runner = await serve_app(fake.build_app(), listener)
    yield fake
    await runner.cleanup()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder)
def test_slo_rules_uses_a_file_that_is_added_to_a_family(case: Case, add_plugin: AddPlugin) -> None:
    root = add_plugin(case.path, case.source)
    (root / "shop.yaml").write_bytes(dump_yaml(case.spec))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from generator.cli import main; main()",
            *shlex.split(case.command),
        ],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for file, text in case.shown.items():
        assert text in ((root / file).read_text() if file else done.stdout + done.stderr)


def write_probe_config(folder: Path, agent: FakeAgent, sections: str) -> Path:
    """A configuration for a canary port that the agent knows before the program starts."""
    port = find_free_port()
    agent.canary = f"http://127.0.0.1:{port}"
    file = folder / "probe.yaml"
    file.write_text(
        f"target: {{url: '{agent.url}'}}\n"
        f"canary: {{listen: '127.0.0.1:{port}'}}\n"
        "web: {listen: '127.0.0.1:0'}\n"
        "journal: {path: journal.sqlite}\n" + sections
    )
    return file


@pytest.mark.parametrize(
    ("path", "source", "probe", "shown"),
    [
        ("exporter/probes/again.py", PROBE, f"again: {{{TIMES}}}", '"probe": "again"'),
        (
            "exporter/paths/shortcut.py",
            PATH,
            f"remediation: {{{TIMES}, paths: {{shortcut: {{}}}}}}",
            '"path": "shortcut"',
        ),
        (
            "exporter/observers/ruler.py",
            OBSERVER,
            f"remediation: {{{TIMES}}}",
            '"verification": "ruler"',
        ),
    ],
    ids=["probes", "paths", "observers"],
)
async def test_a_run_of_slo_probe_shows_a_file_that_is_added_to_a_family(
    path: str, source: str, probe: str, shown: str, add_plugin: AddPlugin, agent: FakeAgent
) -> None:
    root = add_plugin(path, source)
    file = write_probe_config(root, agent, f"probes: {{{probe}}}\n")
    done = await run_program("once", "--json", "--config", str(file), root=root)
    assert done.code == 0, done.err
    assert shown in done.out


async def test_a_late_observer_that_is_added_has_a_section_in_the_configuration(
    add_plugin: AddPlugin, agent: FakeAgent
) -> None:
    root = add_plugin("exporter/observers/jaeger.py", LATE_OBSERVER)
    probes = f"probes: {{remediation: {{{TIMES}}}}}\n"
    file = write_probe_config(
        root, agent, f"{probes}observers: {{jaeger: {{url: 'http://127.0.0.1:9/'}}}}\n"
    )
    async with run_prober(file, root=root) as prober, aiohttp.ClientSession() as client:
        async with client.get(f"{prober.web}/metrics") as reply:
            exposed = await reply.text()
        done = await prober.stop()
    assert done.code == 0
    assert 'observer_failures_total{source="jaeger"}' in exposed
    assert re.search(r'stage_duration_seconds_count\{.*source="jaeger".*stage="verif', exposed)


async def test_a_scenario_that_is_added_runs_and_has_its_value_of_the_label(
    add_plugin: AddPlugin, agent: FakeAgent
) -> None:
    root = add_plugin("exporter/scenarios/single.py", SCENARIO)
    sections = f"scenarios: {{single: {{{TIMES}}}}}\nprobes: {{remediation: {{{TIMES}}}}}\n"
    file = write_probe_config(root, agent, sections)
    async with run_prober(file, root=root) as prober, aiohttp.ClientSession() as client:
        async with client.post(f"{prober.web}/-/scenario/single") as reply:
            assert reply.status == 202, await reply.text()

        async def is_over() -> bool:
            async with client.get(f"{prober.web}/-/scenario") as reply:
                state = await reply.json()
            return state["running"] is None and bool(state["results"]["single"])

        await wait_until(is_over)
        async with client.get(f"{prober.web}/metrics") as reply:
            exposed = await reply.text()
        done = await prober.stop()
    assert done.code == 0
    assert 'breaking_point_events_per_second{scenario="single"} 2.0' in exposed
    assert 'scenario_running{scenario="single"} 0.0' in exposed


def test_every_family_has_a_test_here() -> None:
    loading = {
        file.parent.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
        if "from slos.schema.plugin_loader import" in file.read_text()
    }
    families = {f"exporter/{name}" for name in PROBER_FAMILIES} | {case.folder for case in CASES}
    # The command line looks for commands, in a folder that is empty but for them.
    assert loading - {"generator"} == families - {"generator/commands"}
    assert len(families) == 14


def test_the_enumerations_of_the_contract_are_the_plug_ins() -> None:
    sources = {observer.SOURCE for observer in load_evidence_observers()} | set(
        load_remote_modules()
    )
    assert sources == set(StageSource)
    assert set(load_path_modules()) == set(DeliveryPath)
    assert set(load_scenario_modules()) == set(Scenario)
    assert {module.BOARD.uid for module in load_boards()} == set(Board)


def test_two_plug_ins_with_one_id_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "family_of_twins"
    package.mkdir()
    for name in ("__init__", "one", "other", "_shared"):
        (package / f"{name}.py").write_text('NAME = "twin"\n')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DuplicatePluginError, match="two plug-ins in family_of_twins"):
        load_modules_by_id("family_of_twins", "NAME")
