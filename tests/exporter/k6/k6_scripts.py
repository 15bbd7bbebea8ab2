"""Scripts of k6 run in Node.js, which Playwright brings, against stubs of the modules of k6."""

import json
import subprocess
from pathlib import Path
from typing import Any

from playwright._impl._driver import compute_driver_executable

_MODULES = {
    "index.js": """export function check(value, checks) {
  for (const test of Object.values(checks)) { k6.checks[test(value) ? 'passes' : 'fails'] += 1; }
}
export function sleep(seconds) { k6.slept += seconds; }""",
    "http.js": """function post(url, body, params) {
  k6.requests.push({ scenario: k6.scenario.name, url, body, params });
  const text = k6.replies.split('@ID@').join(JSON.parse(body).id);
  return { status: 200, body: text, json: () => JSON.parse(text) };
}
export default { post };""",
    "execution.js": "export default { get scenario() { return k6.scenario; } };",
}
_PACKAGE = {
    "type": "module",
    "exports": {".": "./index.js", "./http": "./http.js", "./execution": "./execution.js"},
}
PROCESSED = '{"status": "processed", "event_id": "@ID@", "correlation_id": "@ID@"}'


def run_script(script: str, folder: Path, **values: object) -> dict[str, Any]:
    """Run a script; return its options, requests and summary."""
    package = folder / "node_modules" / "k6"
    package.mkdir(parents=True, exist_ok=True)
    for name, text in _MODULES.items():
        (package / name).write_text(text)
    (package / "package.json").write_text(json.dumps(_PACKAGE))
    (folder / "package.json").write_text('{"type": "module"}')
    file = folder / "script.js"
    file.write_text(script)
    given = {
        "env": {}, "events": [], "iterations": 2, "replies": PROCESSED, "dropped": 0
    } | values  # fmt: skip
    node, engine = compute_driver_executable()[0], Path(__file__).with_name("k6_engine.mjs")
    done = subprocess.run(
        [node, engine, file],
        input=json.dumps(given), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
