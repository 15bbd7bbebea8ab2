"""`slo-rules` as a user calls it, in a folder with specs."""

from pathlib import Path

from click.testing import CliRunner, Result

from generator.cli import main
from tests.schema.specs import as_yaml, slo, spec


def call(*args: str | Path) -> Result:
    """Run `slo-rules`; it may exit, but never raise anything else."""
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    no_traceback(result)
    return result


def no_traceback(result: Result) -> None:
    ended = result.exception
    assert ended is None or isinstance(ended, SystemExit), repr(ended)
    assert "Traceback" not in result.output
    assert result.exit_code in (0, 1, 2)


def write_specs(folder: Path) -> None:
    """Two good specs, one of them in a folder below."""
    (folder / "team").mkdir(parents=True)
    bank = slo(objective=95, alerting={"name": "BankErrors"})
    (folder / "shop.yaml").write_bytes(as_yaml(spec()))
    (folder / "team" / "bank.yml").write_bytes(as_yaml(spec(bank, service="bank")))
