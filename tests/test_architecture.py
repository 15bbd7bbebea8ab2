"""Files, folders and definitions that docs/architecture.md names exist."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAMS = ["exporter", "generator"]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
_NAMES = r"`[A-Za-z_][\w.]*`"
_NAMED = re.compile(rf"`([\w/]+\.py)`:\s+({_NAMES}(?:,\s+{_NAMES})*)")
FILES = sorted(set(re.findall(r"`((?:\w+/)+\w+\.py)`", PAGE)))
FOLDERS = sorted(set(re.findall(r"`((?:\w+/)+)`", PAGE)))
DEFINITIONS = sorted(
    {
        (file, name)
        for file, names in _NAMED.findall(PAGE)
        for name in re.findall(r"`([^`]+)`", names)
    }
)


def list_definitions(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    """Qualified names of the functions, classes and constants that statements define."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield f"{prefix}{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from list_definitions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.Assign):
            yield from (f"{prefix}{each.id}" for each in node.targets if isinstance(each, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield f"{prefix}{node.target.id}"


@pytest.mark.parametrize("place", [*FILES, *FOLDERS])
def test_every_file_and_folder_of_the_page_exists(place: str) -> None:
    assert (ROOT / place).exists()


@pytest.mark.parametrize(("file", "name"), DEFINITIONS)
def test_every_definition_of_the_page_is_in_its_file(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    assert name in set(list_definitions(tree.body))


def test_both_walks_of_the_page_name_a_definition_in_each_step() -> None:
    walks = re.findall(r"^## From .*?(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    steps = [step for walk in walks for step in re.split(r"^\d+\. ", walk, flags=re.MULTILINE)[1:]]
    assert len(walks) == 2
    assert len(steps) > 20
    assert [step for step in steps if not _NAMED.search(step)] == []


def read_layers(program: str) -> list[set[str]]:
    """Read the layers of the import contracts, from the top."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (layers,) = (
        contract["layers"]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract.get("containers") == [program]
    )
    return [set(layer.split(" | ")) for layer in layers]


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_page_has_the_layers_of_the_contracts(program: str) -> None:
    (text,) = re.findall(rf"^{program}: +(.*?)(?=^$|^```)", PAGE, re.MULTILINE | re.DOTALL)
    layers = [set(layer.split(" | ")) for layer in " ".join(text.split()).split(" > ")]
    assert layers == read_layers(program)


@pytest.mark.parametrize("program", PROGRAMS)
def test_contributing_lists_every_entry_in_the_order_of_the_contracts(program: str) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (block,) = re.findall(
        rf"^`{program}/`, from the top:\n\n```text\n(.*?)```", text, re.MULTILINE | re.DOTALL
    )
    lines = [re.split(r" {2,}", line)[0].split(" | ") for line in block.splitlines()]
    remaining = [entry for line in lines for entry in line]
    for layer in read_layers(program):
        assert set(remaining[: len(layer)]) == layer
        del remaining[: len(layer)]
    assert remaining == []
