"""Reader of the `web.config.file` of Prometheus exporters: TLS, headers and users.

The format is that of the exporter toolkit, so that one file can serve several exporters:
https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
Unsupported keys are refused, never ignored: they were written to protect the server.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter.document_file import read_one
from exporter.web.certificate_faults import faults
from exporter.web.certificates import Tls
from exporter.web.config_sections import WebFile
from slos.schema.explain_errors import validate
from slos.schema.problem import Position, Problem, errors


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Protection of the web server; by default there is none."""

    tls: Tls | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    file: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of the configuration; a change of one of them changes it."""
        return (*([self.file] if self.file else []), *(self.tls.files if self.tls else ()))


def read_web_config(
    path: Path, *, at: Position | None = None
) -> tuple[WebConfig | None, list[Problem]]:
    """Read a `web.config.file` and check its certificates; return all problems at once.

    Args:
        path: the file; paths in it are relative to its folder. An empty file protects nothing.
        position: position of the setting that names the file, for a file that cannot be read.
    """
    document, problems = read_one(path, at=at)
    if document is None:
        return (None if problems else WebConfig(file=path)), problems
    written, problems = validate(document, WebFile)
    if written is None:
        return None, problems
    section = written.tls_server_config
    tls = section.within(path.parent) if section else None
    for key, text, hint in faults(tls) if tls else ():
        where = document.at(("tls_server_config", key))
        problems.append(Problem(where, f"tls_server_config.{key}: {text}", hint))
    given = written.http_server_config.headers.model_dump(by_alias=True)
    headers = {name: value for name, value in given.items() if value}
    config = WebConfig(tls, headers, written.basic_auth_users, path)
    return (None if errors(problems) else config), problems
