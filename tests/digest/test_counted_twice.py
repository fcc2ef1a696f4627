"""A meter that an access log and OTLP feed at once is named, unless each says what it is of."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digest.otlp import span, traces
from invariants.folder import Inputs, ask, call, charge, write
from percapita.project import Project
from percapita.store.spool import Spool

MODEL = """
version: 1
currency: USD
pools:
  - {pool: web, match: {ServiceName: compute}, by: requests}
"""


@pytest.mark.parametrize(("service", "twice"), [("", True), ("shop", True), ("mail", False)])
def test_two_sources_of_one_meter(service: str, twice: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """The same hour of requests from both is a warning; of another service it is none."""
    day = datetime.now(UTC)
    month = f"{day:%Y-%m}"
    bill = [charge("compute", "24", f"{month}-01T00:00:00Z", f"{month}-02T00:00:00Z")]
    project = write(tmp_path, Inputs(MODEL, bill, [], []))
    log = project / "access.log"
    log.write_text(
        f'192.0.2.7 - - [{day:%d/%b/%Y:%H:%M:%S} +0000] "GET / HTTP/1.1" 200 5 "-" "Mozilla/5.0"\n'
    )
    values = f", values: {{service: {service}}}" if service else ""
    with (project / "percapita.yaml").open("a") as file:
        file.write(f"  web: {{format: access-log, path: access.log{values}}}\n")
    opened = Project.open(project)
    with Spool(opened.store_root, opened.key()).start() as spool:
        spool.append("traces", traces([span(1, {"session.id": "s"}, end=time.time_ns())])).result()
    assert call("digest", "--once", "--project", project).code == 0
    ask(project, "run", "--period", month)

    found = ask(project, "check", "--period", month)["findings"]
    warned = [one["where"] for one in found if one["code"] == "counted-twice"]
    assert warned == (["requests"] if twice else [])
