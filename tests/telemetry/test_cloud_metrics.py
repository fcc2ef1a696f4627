"""Exports of the clouds' monitoring, mapped as the how-to maps them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from percapita.core.sources import Source
from percapita.core.tables import READINGS
from percapita.project.grammar import read
from telemetry.signal_tables import Taker

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "cloud-metrics.md"
FILES = {
    "invocations": '{"time":"2025-10-03T14:00:00+00:00","function":"resize","value":12.0}\n'
    '{"time":"2025-10-03T15:00:00+00:00","function":"resize","value":7.0}\n',
    "stream": '{"metric_stream_name":"all","namespace":"AWS/Lambda","metric_name":"Invocations",'
    '"dimensions":{"FunctionName":"resize"},"timestamp":1759500000000,'
    '"value":{"max":1.0,"min":1.0,"sum":19.0,"count":19.0},"unit":"Count"}\n',
    "requests": '{"timeStamp":"2025-10-03T14:00:00Z","api":"PutBlob","total":19.0}\n',
    "sent": "start_time,end_time,label_tenant,value\n"
    "2025-10-03T13:00:00Z,2025-10-03T14:00:00Z,acme,19\n",
}
FOUND = {
    "invocations": ("function.invocations", "resize", None),
    "stream": ("Invocations", "resize", None),
    "requests": ("requests", None, "PutBlob"),
    "sent": ("net.out", None, None),
}


@pytest.mark.parametrize("name", FILES)
def test_an_export_is_read_as_the_page_maps_it(take: Taker, name: str) -> None:
    """Each mapping of the page reads rows of that shape, to the same total."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    sources: dict[str, Source] = {}
    for block in blocks:
        settings, problems = read(block, "percapita.yaml")
        assert problems == []
        assert settings is not None
        sources |= {source.name: source for source in settings.sources}
    said = sources[name]
    taken = take(
        FILES[name], file=said.path.replace("*", "0"), kind="readings", columns=said.columns,
        values=said.values, unit=said.unit,
    )  # fmt: skip

    view = take.store.bind(READINGS)
    rows = take.store.engine.rows(
        f"SELECT meter, resource, operation, sum(quantity)::BIGINT FROM {view} GROUP BY ALL"
    )
    assert rows == [(*FOUND[name], 19)]
    assert taken.quarantined == 0
