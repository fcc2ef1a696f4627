"""Writes the bills that imports are measured with: a CUR of AWS' shape, and FOCUS as Parquet.

Every cell follows from the row's number and a seed, so that the same arguments give the same file
whatever machine writes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import duckdb

SEED: Final = 20251001
RESOURCES: Final = 20_000
WIDTH: Final = 197

_FILLED: Final = {
    "identity/LineItemId": "md5({n}::VARCHAR)",
    "identity/TimeInterval": "strftime({start}, '%Y-%m-%dT%H:%M:%SZ/') ||"
    " strftime({start} + INTERVAL 1 HOUR, '%Y-%m-%dT%H:%M:%SZ')",
    "bill/InvoiceId": "'1234567890'",
    "bill/BillingEntity": "'AWS'",
    "bill/BillType": "'Anniversary'",
    "bill/PayerAccountId": "'111122223333'",
    "bill/BillingPeriodStartDate": "'2025-10-01T00:00:00Z'",
    "bill/BillingPeriodEndDate": "'2025-11-01T00:00:00Z'",
    "lineItem/UsageAccountId": "(100000000000 + {resource} % 40)::VARCHAR",
    "lineItem/LineItemType": "CASE WHEN {pick} < 2 THEN 'Tax' WHEN {pick} < 5 THEN 'Credit'"
    " WHEN {pick} < 90 THEN 'Usage' ELSE 'SavingsPlanCoveredUsage' END",
    "lineItem/UsageStartDate": "strftime({start}, '%Y-%m-%dT%H:%M:%SZ')",
    "lineItem/UsageEndDate": "strftime({start} + INTERVAL 1 HOUR, '%Y-%m-%dT%H:%M:%SZ')",
    "lineItem/ProductCode": "{product}",
    "lineItem/UsageType": "'EUC1-' || {kind} || ':' || {size}",
    "lineItem/Operation": "'RunInstances' || ({resource} % 5)::VARCHAR",
    "lineItem/AvailabilityZone": "'eu-central-1' || chr(97 + ({resource} % 3)::INTEGER)",
    "lineItem/ResourceId": "'arn:aws:ec2:eu-central-1:1000:instance/i-' ||"
    " lpad({resource}::VARCHAR, 17, '0')",
    "lineItem/UsageAmount": "({draw} % 1000000 / 1000000)::DECIMAL(18,10)::VARCHAR",
    "lineItem/NormalizationFactor": "(2 ** ({resource} % 6)::INTEGER)::INTEGER::VARCHAR",
    "lineItem/NormalizedUsageAmount": "({draw} % 8000000 / 1000000)::DECIMAL(18,7)::VARCHAR",
    "lineItem/CurrencyCode": "'USD'",
    "lineItem/UnblendedRate": "{rate}::DECIMAL(18,10)::VARCHAR",
    "lineItem/UnblendedCost": "{cost}::VARCHAR",
    "lineItem/BlendedRate": "{rate}::DECIMAL(18,10)::VARCHAR",
    "lineItem/BlendedCost": "{cost}::VARCHAR",
    "lineItem/LineItemDescription": "'$' || {rate}::DECIMAL(18,10)::VARCHAR || ' per On Demand '"
    " || {kind} || ' ' || {size} || ' Instance Hour'",
    "lineItem/LegalEntity": "'Amazon Web Services EMEA SARL'",
    "product/ProductName": "'Product ' || {product}",
    "product/availabilityZone": "'NA'",
    "product/capacitystatus": "'Used'",
    "product/classicnetworkingsupport": "'false'",
    "product/clockSpeed": "'3.1 GHz'",
    "product/currentGeneration": "'Yes'",
    "product/dedicatedEbsThroughput": "'Up to 2085 Mbps'",
    "product/ecu": "'Variable'",
    "product/enhancedNetworkingSupported": "'Yes'",
    "product/instanceFamily": "'General purpose'",
    "product/instanceType": "{kind} || '.' || {size}",
    "product/instanceTypeFamily": "{kind}",
    "product/licenseModel": "'No License required'",
    "product/location": "'EU (Frankfurt)'",
    "product/locationType": "'AWS Region'",
    "product/marketoption": "'OnDemand'",
    "product/memory": "({resource} % 6 * 4)::VARCHAR || ' GiB'",
    "product/networkPerformance": "'Up to 5 Gigabit'",
    "product/normalizationSizeFactor": "(2 ** ({resource} % 6)::INTEGER)::INTEGER::VARCHAR",
    "product/operatingSystem": "CASE WHEN {resource} % 3 = 0 THEN 'Linux' ELSE 'RHEL' END",
    "product/operation": "'RunInstances' || ({resource} % 5)::VARCHAR",
    "product/physicalProcessor": "'Intel Xeon Platinum 8175'",
    "product/preInstalledSw": "'NA'",
    "product/processorArchitecture": "'64-bit'",
    "product/productFamily": "'Compute Instance'",
    "product/region": "'eu-central-1'",
    "product/regionCode": "'eu-central-1'",
    "product/servicecode": "{product}",
    "product/servicename": "'Amazon Elastic Compute Cloud'",
    "product/sku": "upper(substr(md5({kind} || {size}), 1, 16))",
    "product/storage": "'EBS only'",
    "product/tenancy": "'Shared'",
    "product/usagetype": "'EUC1-' || {kind} || ':' || {size}",
    "product/vcpu": "({resource} % 6 * 2)::VARCHAR",
    "pricing/currency": "'USD'",
    "pricing/publicOnDemandCost": "({cost} * 1.25)::DECIMAL(30,12)::VARCHAR",
    "pricing/publicOnDemandRate": "{rate}::DECIMAL(18,10)::VARCHAR",
    "pricing/term": "'OnDemand'",
    "pricing/unit": "'Hrs'",
    "savingsPlan/SavingsPlanARN": "if({pick} >= 90, 'arn:aws:savingsplans::1000:savingsplan/p1',"
    " NULL)",
    "savingsPlan/SavingsPlanEffectiveCost": "if({pick} >= 90, ({cost} * 0.7)::DECIMAL(30,13)"
    "::VARCHAR, NULL)",
    "resourceTags/user:customer": "if({resource} % 10 < 7, 'customer-' ||"
    " ({resource} % 300)::VARCHAR, NULL)",
    "resourceTags/user:environment": "CASE WHEN {resource} % 4 = 0 THEN 'staging' ELSE 'production'"
    " END",
    "resourceTags/user:team": "if({resource} % 3 > 0, 'team-' || ({resource} % 17)::VARCHAR, NULL)",
}
_EMPTY: Final = ("lineItem/TaxType", "costCategory/Team", "pricing/LeaseContractLength",
                 "reservation/ReservationARN", "reservation/EffectiveCost",
                 "savingsPlan/UsedCommitment")  # fmt: skip
_PARTS: Final = {
    "draw": "hash({n}, {seed})",
    "resource": "(hash({n}, {seed} + 1) % {resources})::BIGINT",
    "pick": "(hash({n}, {seed} + 2) % 100)::INTEGER",
    "start": "(TIMESTAMP '2025-10-01' + to_hours(({n} % 744)::INTEGER))",
}
_DERIVED: Final = {
    "product": "CASE resource % 4 WHEN 0 THEN 'AmazonEC2' WHEN 1 THEN 'AmazonRDS'"
    " WHEN 2 THEN 'AmazonS3' ELSE 'AWSLambda' END",
    "kind": "'m' || (4 + resource % 4)::VARCHAR || 'i'",
    "size": "['large', 'xlarge', '2xlarge', '4xlarge'][1 + (resource % 4)::INTEGER]",
    "rate": "((resource % 997 + 1) / 10000)::DECIMAL(18,10)",
    "cost": "(if(pick BETWEEN 2 AND 4, -1, 1) * (draw % 100000000)::DECIMAL(20,0) *"
    " 0.0000000001)::DECIMAL(30,10)",
}


def columns() -> list[str]:
    """Return the report's columns: filled ones, and as many empty ones as make it whole."""
    spare = WIDTH - len(_FILLED) - len(_EMPTY)
    return [*_FILLED, *_EMPTY, *(f"product/attribute{n:03d}" for n in range(spare))]


def filled() -> int:
    """Return how many columns hold anything."""
    return len(_FILLED)


def _rows(count: int, names: dict[str, str]) -> str:
    parts = ", ".join(
        f"{sql.format(n='n', seed=SEED, resources=RESOURCES)} AS {name}"
        for name, sql in _PARTS.items()
    )
    derived = ", ".join(f"{sql} AS {name}" for name, sql in _DERIVED.items())
    at = {name: name for name in ("n", *_PARTS, *_DERIVED)}
    shown = ", ".join(f'{sql.format(**at)} AS "{name}"' for name, sql in names.items())
    return (
        f"SELECT {shown} FROM (SELECT *, {derived} FROM"
        f" (SELECT i AS n, {parts} FROM range({count}) AS r(i)))"
    )


def write_cur(path: Path, rows: int) -> None:
    """Write a report as CSV, unless it is there."""
    names = {name: _FILLED.get(name, "NULL::VARCHAR") for name in columns()}
    _write(path, _rows(rows, names), "FORMAT csv, HEADER, DELIMITER ','")


_FOCUS: Final = {
    "BilledCost": "{cost}::DECIMAL(30,12)", "EffectiveCost": "({cost} * 0.9)::DECIMAL(30,12)",
    "ListCost": "({cost} * 1.25)::DECIMAL(30,12)", "ContractedCost": "{cost}::DECIMAL(30,12)",
    "BillingAccountId": "'111122223333'", "BillingCurrency": "'USD'",
    "SubAccountId": "(100000000000 + {resource} % 40)::VARCHAR",
    "BillingPeriodStart": "TIMESTAMP '2025-10-01'", "BillingPeriodEnd": "TIMESTAMP '2025-11-01'",
    "ChargePeriodStart": "{start}", "ChargePeriodEnd": "{start} + INTERVAL 1 HOUR",
    "ChargeCategory": "CASE WHEN {pick} < 2 THEN 'Tax' WHEN {pick} < 5 THEN 'Credit' ELSE 'Usage'"
    " END",
    "ChargeDescription": _FILLED["lineItem/LineItemDescription"],
    "ChargeFrequency": "'Usage-Based'",
    "ConsumedQuantity": "({draw} % 1000000 / 1000000)::DECIMAL(18,10)", "ConsumedUnit": "'Hours'",
    "PricingQuantity": "({draw} % 1000000 / 1000000)::DECIMAL(18,10)", "PricingUnit": "'Hours'",
    "InvoiceIssuerName": "'AWS'", "ProviderName": "'AWS'", "PublisherName": "'AWS'",
    "ServiceName": "{product}", "ServiceCategory": "'Compute'",
    "RegionId": "'eu-central-1'", "RegionName": "'EU (Frankfurt)'",
    "AvailabilityZone": _FILLED["lineItem/AvailabilityZone"],
    "ResourceId": _FILLED["lineItem/ResourceId"], "ResourceType": "'Instance'",
    "SkuId": _FILLED["product/sku"], "ListUnitPrice": "{rate}::DECIMAL(18,10)",
    "Tags": "map {{'customer': 'customer-' || ({resource} % 300)::VARCHAR, 'environment':"
    " if({resource} % 4 = 0, 'staging', 'production')}}",
    "x_Operation": "'RunInstances' || ({resource} % 5)::VARCHAR", "x_UsageType": "{kind}",
}  # fmt: skip


def write_focus(path: Path, rows: int) -> None:
    """Write FOCUS 1.0 as Parquet, typed as clouds type it, unless it is there."""
    _write(path, _rows(rows, _FOCUS), "FORMAT parquet, COMPRESSION snappy")


def write_focus_csv(path: Path, rows: int) -> None:
    """Write the same as CSV, unless it is there."""
    names = {**_FOCUS, "Tags": f"to_json({_FOCUS['Tags']})"}
    _write(path, _rows(rows, names), "FORMAT csv, HEADER")


def _write(path: Path, rows: str, how: str) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"draft-{path.name}")
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(f"COPY ({rows}) TO '{draft}' ({how})")
    draft.replace(path)
