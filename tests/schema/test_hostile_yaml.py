"""YAML that would exhaust stack, memory or time."""

import subprocess
import sys

import pytest

READ = (
    "import sys; from slos.schema.loader import parse_specs;"
    "print(len(parse_specs(sys.stdin.buffer.read(), 'a.yaml')[1]))"
)


def build_bomb(tail: str) -> bytes:
    """A value of nine to the twelfth parts, in a few lines."""
    lines = ["x0: &a0 [l, l, l, l, l, l, l, l, l]"]
    lines += [f"x{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    return "\n".join([*lines, tail]).encode()


def build_merge_bomb() -> bytes:
    lines = ["x0: &a0 {k: 1}"]
    lines += [f"x{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}], z: 1}}" for i in range(1, 12)]
    return "\n".join(lines).encode()


HOSTILE = {
    "aliases as a service": build_bomb("service: *a11"),
    "aliases as an objective": build_bomb("slos: [{objective: *a11}]"),
    "aliases merged": build_merge_bomb(),
    "an alias of itself": b"a: &a [*a]",
    "many brackets": b"service: " + b"[" * 100_000 + b"]" * 100_000,
    "many braces": b"{a: " * 50_000 + b"}" * 50_000,
    "many dashes": b"- " * 50_000,
    "a number of 5,000 digits": b"version: " + b"9" * 5000,
    "a date that is none": b"version: 2026-99-99",
    "no number": b"version: !!int abc",
    "no boolean": b"version: !!bool abc",
    "an unknown tag": b"version: !!python/object:os.system {}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_a_problem_and_nothing_worse(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ],
        input=HOSTILE[name],
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert int(done.stdout) >= 1
