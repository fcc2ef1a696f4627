"""What the company rents from its cloud: every resource, its price, and the pool it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from percapita.sample.company import REGIONS, ZONES, Company
from percapita.sample.usage import instance, own_instance

ACCOUNT: Final = "210987654321"
PRODUCTION, SANDBOX = "310000000001", "310000000002"

COMPUTE: Final = "Amazon Elastic Compute Cloud"
DATABASE: Final = "Amazon Relational Database Service"
STORAGE: Final = "Amazon Simple Storage Service"
FUNCTIONS: Final = "AWS Lambda"
KUBERNETES: Final = "Amazon Elastic Kubernetes Service"
CACHE: Final = "Amazon ElastiCache"
BALANCER: Final = "Elastic Load Balancing"
DELIVERY: Final = "Amazon CloudFront"
NETWORK: Final = "Amazon Virtual Private Cloud"
KEYS: Final = "AWS Key Management Service"

CATEGORIES: Final = {
    COMPUTE: "Compute",
    DATABASE: "Databases",
    STORAGE: "Storage",
    FUNCTIONS: "Compute",
    KUBERNETES: "Compute",
    CACHE: "Databases",
    BALANCER: "Networking",
    DELIVERY: "Networking",
    NETWORK: "Networking",
    KEYS: "Security",
}


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing on the bill that is charged every day."""

    id: str
    service: str
    sku: str
    unit: str
    price: str
    """List price of one unit, as the price list writes it."""
    daily: float
    """Units on a working day of a company of 20,000 users."""
    pool: str
    """The pool of the cost model it is meant for."""
    cell: str = ""
    """The cell of that pool, where the pool has cells."""
    region: str = "eu"
    tags: Mapping[str, str] = field(default_factory=dict)
    component: str = ""
    covered: bool = False
    """A savings plan pays for it."""
    calm: float = 1.0
    """Share of the units that is left on a weekend."""
    hourly: bool = False
    """Charged by the hour: 24 small lines a day."""
    account: str = PRODUCTION


def _production(app: str, **more: str) -> dict[str, str]:
    team = {"api": "core", "workers": "core"}.get(app, "platform")
    return {"Environment": "production", "Team": team, "app": app, **more}


def resources(company: Company) -> list[Resource]:
    """Return everything that is charged every day."""
    return [
        *_compute(),
        *_databases(company),
        *_storage(),
        *_edge(),
        *_functions(),
        *_development(),
        *_untagged(),
    ]


def _compute() -> Iterator[Resource]:
    for region, nodes in (("eu", 26), ("us", 34), ("ap", 12)):
        for app, size, price, share in (("api", "m6i.2xlarge", "0.4284", 0.62),
                                        ("workers", "c6i.4xlarge", "0.7760", 0.22)):  # fmt: skip
            group = f"arn:aws:ec2:{ZONES[region]}:{PRODUCTION}:asg/{app}-{region}"
            yield Resource(
                group, COMPUTE, f"BoxUsage:{size}", "Hrs", price, nodes * share * 24, app,
                region=region, tags=_production(app, cluster=f"{region}-1"), covered=True, calm=0.8,
            )  # fmt: skip
        cluster = f"arn:aws:eks:{ZONES[region]}:{PRODUCTION}:cluster/{region}-1"
        yield Resource(
            cluster, KUBERNETES, "ClusterHours", "Hrs", "0.1000000000", 48, "control plane",
            region=region, tags=_production("platform"), component="eks-control-plane",
        )  # fmt: skip


def _databases(company: Company) -> Iterator[Resource]:
    for region, instances in (("eu", 2.2), ("us", 2.6), ("ap", 1.1)):
        for sku, unit, price, daily in (
            ("InstanceUsage:db.r6g.4xl", "Hrs", "2.0780", instances * 24),
            ("RDS:GP3-Storage", "GB-Mo", "0.1370000", instances * 61),
            ("RDS:PIOPS", "IOPS-Mo", "0.023000", instances * 155),
        ):
            yield Resource(
                instance(region), DATABASE, sku, unit, price, daily, "postgres", instance(region),
                region=region, tags=_production("postgres"),
            )  # fmt: skip
        yield Resource(
            f"arn:aws:elasticache:{ZONES[region]}:{PRODUCTION}:cluster:redis-{region}",
            CACHE, "NodeUsage:cache.r6g.xlarge", "Hrs", "0.4110", instances * 48, "cache",
            region=region, tags=_production("cache"),
        )  # fmt: skip
    for tenant in company.dedicated:
        yield Resource(
            own_instance(tenant), DATABASE, "InstanceUsage:db.r6g.xl", "Hrs", "0.5190", 36,
            "customer databases", tenant, region="us",
            tags=_production("postgres", CustomerID=tenant),
        )  # fmt: skip


def _storage() -> Iterator[Resource]:
    for bucket, gigabytes in (("attachments", 2_700), ("exports", 800)):
        for sku, unit, price, daily in (
            ("TimedStorage-ByteHrs", "GB-Mo", "0.0230000000", gigabytes),
            ("Requests-Tier1", "Requests", "0.0000050", 4_000_000 * gigabytes / 2_700),
            ("Requests-Tier3", "Requests", "0.0000004", 3.5),
        ):
            yield Resource(
                f"arn:aws:s3:::cobaltdesk-{bucket}", STORAGE, sku, unit, price, daily,
                "object storage", tags=_production("storage"),
            )  # fmt: skip


def _edge() -> Iterator[Resource]:
    for region, share in (("eu", 0.36), ("us", 0.47), ("ap", 0.17)):
        tags = _production("edge", cluster=f"{region}-1")
        place = f"arn:aws:elasticloadbalancing:{ZONES[region]}:{PRODUCTION}:app/{region}"
        yield Resource(
            place, BALANCER, "LCUUsage", "LCU-Hrs", "0.0080000", 4_100 * share, "edge",
            f"{region}-1", region=region, tags=tags,
        )  # fmt: skip
        yield Resource(
            f"arn:aws:cloudfront::{PRODUCTION}:distribution/{region}", DELIVERY,
            "DataTransfer-Out-Bytes", "GB", "0.0850000", 1_500 * share, "edge", f"{region}-1",
            region=region, tags=tags,
        )  # fmt: skip


def _functions() -> Iterator[Resource]:
    for name, seconds in (("thumbnails", 620_000), ("webhooks", 410_000), ("imports", 90_000)):
        yield Resource(
            f"arn:aws:lambda:{ZONES['eu']}:{PRODUCTION}:function:{name}", FUNCTIONS,
            "Lambda-GB-Second", "GB-Second", "0.0000166667", seconds * 2, "functions",
            tags=_production("functions"), hourly=True,
        )  # fmt: skip


def _development() -> Iterator[Resource]:
    for environment, hours in (("dev", 120), ("staging", 96)):
        tags = {"Environment": environment, "Team": "core"}
        pool = "engineering productivity"
        yield Resource(
            f"arn:aws:ec2:{ZONES['eu']}:{SANDBOX}:asg/{environment}", COMPUTE,
            "BoxUsage:m6i.2xlarge", "Hrs", "0.4284", hours, pool, tags=tags, calm=0.25,
            account=SANDBOX,
        )  # fmt: skip
        yield Resource(
            f"arn:aws:rds:{ZONES['eu']}:{SANDBOX}:db:pg-{environment}", DATABASE,
            "InstanceUsage:db.r6g.xl", "Hrs", "0.5190", 48, pool, tags=tags, account=SANDBOX,
        )  # fmt: skip


def _untagged() -> Iterator[Resource]:
    for region in REGIONS:
        yield Resource(
            f"arn:aws:ec2:{ZONES[region]}:{PRODUCTION}:natgateway/nat-{region}", NETWORK,
            "NatGateway-Bytes", "GB", "0.0450000", 170, "unallocated", region=region,
        )  # fmt: skip
    yield Resource(
        f"arn:aws:kms:{ZONES['eu']}:{PRODUCTION}:key/main", KEYS, "KMS-Requests", "Requests",
        "0.0000030000", 900_000, "unallocated",
    )  # fmt: skip
