"""`slo-rules build` with arbitrary bytes as input."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.generator.command_line import run_slo_rules

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@settings(
    deadline=None,
    max_examples=120,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.binary(max_size=80) | WORDS.map(str.encode))
def test_garbage_is_refused_and_never_a_traceback(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / "garbage.yaml").write_bytes(garbage)
    result = run_slo_rules("build", tmp_path / "garbage.yaml", "-o", "-")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "error: " in result.stderr
