"""`slo-rules` as a user calls it, in a folder with specs."""

from pathlib import Path

from click.testing import CliRunner, Result

from generator.cli import main
from tests.schema.specs import build_slo, build_spec, dump_yaml


def run_slo_rules(*args: str | Path) -> Result:
    """Run `slo-rules`; it may exit, but never raise anything else."""
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    check_no_traceback(result)
    return result


def check_no_traceback(result: Result) -> None:
    exception = result.exception
    assert exception is None or isinstance(exception, SystemExit), repr(exception)
    assert "Traceback" not in result.output
    assert result.exit_code in (0, 1, 2)


def write_specs(folder: Path) -> None:
    """Two good specs, one of them in a folder below."""
    (folder / "team").mkdir(parents=True)
    bank = build_slo(objective=95, alerting={"name": "BankErrors"})
    (folder / "shop.yaml").write_bytes(dump_yaml(build_spec()))
    (folder / "team" / "bank.yml").write_bytes(dump_yaml(build_spec(bank, service="bank")))
