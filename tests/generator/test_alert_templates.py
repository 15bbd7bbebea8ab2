"""Templates in labels and annotations: those that Prometheus cannot parse are errors."""

import re
import subprocess
from pathlib import Path

import yaml

from exporter.devstack.stack import find_binary
from tests.schema.test_go_template import BAD, GOOD

# Prometheus 2.42 reads this; we would rather not.
STRICTER = {"{{ print | }}", "{{ " + "(" * 5000 + ")" * 5000 + " }}"}


def test_promtool_agrees_on_every_template(tmp_path: Path) -> None:
    texts = [*GOOD, *(text for text in BAD if text not in STRICTER)]
    rules = [
        {"alert": f"A{number}", "expr": "up", "annotations": {"a": text}}
        for number, text in enumerate(texts)
    ]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}), encoding="utf-8")
    promtool = find_binary("promtool")
    assert promtool
    done = subprocess.run(
        [promtool, "check", "rules", path], capture_output=True, text=True, check=False
    )
    refused = {int(number) for number in re.findall(r'"A(\d+)": annotation', done.stderr)}
    assert refused == set(range(len(GOOD), len(texts)))
