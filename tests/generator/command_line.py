"""Helpers that run `slo-rules` and take snapshots of folders."""

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
    assert result.exit_code in (0, 1, 2, 3)


def write_specs(folder: Path) -> None:
    """Two good specs, one of them in a folder below."""
    (folder / "team").mkdir(parents=True)
    bank = build_slo(objective=95, alerting={"name": "BankErrors"})
    (folder / "shop.yaml").write_bytes(dump_yaml(build_spec()))
    (folder / "team" / "bank.yml").write_bytes(dump_yaml(build_spec(bank, service="bank")))


def snapshot_folder(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder, hidden ones too, with its bytes; None for folders."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def read_file_times(folder: Path) -> dict[str, tuple[int, int]]:
    """Modification times and inodes of all files: any rewriting shows."""
    found = {path: path.stat() for path in folder.rglob("*") if path.is_file()}
    return {str(path): (stat.st_mtime_ns, stat.st_ino) for path, stat in found.items()}
