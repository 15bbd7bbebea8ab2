"""Pictures of commands for the documentation."""

import html
import re
from pathlib import Path

from click.testing import CliRunner

from exporter.devstack import pictures


def test_each_picture_has_the_command_and_what_it_prints(tmp_path: Path) -> None:
    done = CliRunner().invoke(pictures.main, ["commands", "-o", str(tmp_path)])
    assert done.exit_code == 0, done.output
    for command, printed in (
        ("init", "wrote slos/shop.yaml"),
        ("diff", "99.9 % -> 99.95 %"),
        ("check", "did you mean 'objective'?"),
    ):
        texts = re.findall(r"<text[^>]*>([^<]*)", (tmp_path / f"{command}.svg").read_text())
        shown = html.unescape("".join(texts)).replace("\xa0", " ")
        assert f"$ slo-rules {command}" in shown
        assert printed in shown
