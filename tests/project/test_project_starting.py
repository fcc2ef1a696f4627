"""Starting a project, with and without a bill."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from percapita.core.errors import InputError
from percapita.model.load import load
from percapita.project import Project, proposal
from percapita.project.starting import adopt_currency, reachable, start
from percapita.report.tags.taxonomy import read_map, read_taxonomy

COLUMNS = (
    "BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,BilledCost,"
    "EffectiveCost,ListCost,ContractedCost,BillingCurrency,ChargeCategory,ServiceCategory,"
    "ServiceName,ResourceId,ResourceType,Tags,BillingAccountId"
)
MONTH = "2025-10-01T00:00:00Z,2025-11-01T00:00:00Z"


def line(
    amount: str,
    service: str,
    *,
    category: str = "Compute",
    charge: str = "Usage",
    resource: str = "",
    tags: str = "{}",
    currency: str = "EUR",
) -> str:
    """Write one row of a bill."""
    quoted = '"' + tags.replace('"', '""') + '"'
    kind = "Machine" if resource else ""
    return (
        f"{MONTH},{MONTH},{amount},{amount},{amount},{amount},{currency},{charge},{category},"
        f"{service},{resource},{kind},{quoted},acc-1"
    )


def bill(path: Path, *lines: str) -> Path:
    """Write a bill."""
    path.write_text("\n".join([COLUMNS, *lines]) + "\n")
    return path


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Give a bill with tags, tax, support, development and two services."""
    return bill(
        tmp_path / "october.csv",
        line("100", "Machines", resource="m1", tags='{"CustomerId": "acme", "env": "prod"}'),
        line("50", "Machines", resource="m2", tags='{"CustomerId": "beta", "env": "Dev"}'),
        line("30", "Postgres: big", category="Databases", resource="d1", tags='{"env": "staging"}'),
        line("12", "Premium Support", category="Other"),
        line("19", "Tax", category="Other", charge="Tax"),
        line("-5", "Machines", charge="Credit"),
    )


def test_the_default_files_load(tmp_path: Path) -> None:
    """A project started without a bill opens, and its model takes every line as unallocated."""
    started = start(tmp_path / "new")

    project = Project.open(tmp_path / "new")
    assert project.sources == ()
    assert project.model().pools == ()
    assert project.model().currency == "USD"
    assert read_taxonomy(project.taxonomy)
    assert read_map(project.resource_map) == []
    assert all(path.exists() for path in started.files)


def test_nothing_is_overwritten_unless_forced(tmp_path: Path) -> None:
    """A file that is there stops init before it writes anything."""
    (tmp_path / "model.yaml").write_text("mine")
    with pytest.raises(InputError, match=r"model\.yaml; nothing was written"):
        start(tmp_path)
    assert not (tmp_path / "percapita.yaml").exists()

    start(tmp_path, force=True)
    assert (tmp_path / "model.yaml").read_text() != "mine"


def test_a_list_of_ignored_files_is_added_to(tmp_path: Path) -> None:
    """Key and store are kept out of version control; what was ignored stays so."""
    (tmp_path / ".gitignore").write_text("*.tmp\npercapita.key")
    start(tmp_path)

    assert (tmp_path / ".gitignore").read_text() == "*.tmp\npercapita.key\n.percapita/\n"


def test_a_model_is_proposed_from_the_bill(tmp_path: Path, shop: Path) -> None:
    """Currency, development, tax, support, customers and services come from what the bill shows."""
    start(tmp_path / "p", bills=[shop])

    model = Project.open(tmp_path / "p").model()
    assert model.currency == "EUR"
    assert [(pool.name, pool.method) for pool in model.pools] == [
        ("engineering productivity", "exclude"),
        ("tax", "overhead"),
        ("support", "overhead"),
        ("tagged to a customer", "direct"),
        ("compute", "none"),
        ("databases", "none"),
    ]
    assert model.pools[0].match.columns["tags.env"].values == ("Dev", "staging")
    assert model.pools[3].direct
    assert model.pools[3].direct.column == "tags.CustomerId"


def test_a_taxonomy_and_a_map_are_proposed_from_the_bill(tmp_path: Path, shop: Path) -> None:
    """Required keys are the ones in use, and each resource type has a pattern."""
    start(tmp_path / "p", bills=[shop])

    project = Project.open(tmp_path / "p")
    taxonomy = read_taxonomy(project.taxonomy)
    assert taxonomy
    assert list(taxonomy.required) == ["env", "Service", "CustomerId", "Team"]
    assert taxonomy.target == Decimal(90)
    rows = read_map(project.resource_map)
    assert rows
    assert rows[0]["resource type"] == "Machine"
    assert rows[0]["usage pattern"] == "mixed"
    assert rows[0]["spend"] == "180.00"


def test_what_rules_of_the_bill_give_is_not_required(tmp_path: Path) -> None:
    """A cost category is no tag that a resource could carry: the taxonomy names another key."""
    tags = '{"costCategory/CostCenter": "42", "costCategory/Environment": "prod", "owner": "ann"}'
    start(tmp_path / "p", bills=[bill(tmp_path / "b.csv", line("9", "M", resource="m", tags=tags))])
    taxonomy = read_taxonomy(Project.open(tmp_path / "p").taxonomy)

    assert taxonomy
    assert list(taxonomy.required) == ["Environment", "Service", "CustomerID", "owner"]


def test_the_bill_becomes_a_source(tmp_path: Path, shop: Path) -> None:
    """The bill that init read is the first source, its path relative to the project."""
    start(tmp_path / "p", bills=[shop, bill(tmp_path / "october.parquet.csv", line("1", "A"))])

    sources = Project.open(tmp_path / "p").sources
    assert [(s.name, s.path, s.kind) for s in sources] == [
        ("october", str(shop), "bill"),
        ("october 2", str(tmp_path / "october.parquet.csv"), "bill"),
    ]
    assert "path: ../october.csv" in (tmp_path / "p" / "percapita.yaml").read_text()


def test_a_bill_that_is_none_starts_nothing(tmp_path: Path) -> None:
    """Init stops at a file it cannot read, before it writes anything."""
    (tmp_path / "b.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError):
        start(tmp_path / "p", bills=[tmp_path / "b.csv"])

    assert not (tmp_path / "p" / "model.yaml").exists()


@pytest.mark.parametrize(
    "name", ["A: b # c", "- x", "yes", "*any", "{a}", 'say "hi"', "Ünder", " lead", "a\nb", "1.10"]
)
def test_any_name_is_written_so_that_it_is_read_back(tmp_path: Path, name: str) -> None:
    """Service names and tag keys with characters that YAML uses survive the proposed model."""
    text = f"currency: EUR\npools:\n  - {{pool: {proposal.text(name)}, match: {{source: a}}}}\n"
    (tmp_path / "m.yaml").write_text(text)

    assert load(tmp_path / "m.yaml").pools[0].name == name


def test_odd_names_in_a_bill_give_a_model_that_loads(tmp_path: Path) -> None:
    """Whatever services and tags are called, the proposed files load."""
    tags = '{"weird: key #1": "a\\nb", "tenant id": "x", "environment": "dev, test"}'
    odd = bill(
        tmp_path / "odd.csv",
        line("5", '"A, ""quoted"" # service"', category="", tags=tags),
        line("4", "credits", category="", tags='{"tenant id": "y"}'),
        line("3", "unallocated", category=""),
        line("2", "", category=""),
        line("1", "Sandbox: x", category="Tax", tags='{"environment": "sandbox"}'),
    )
    start(tmp_path / "p", bills=[odd])

    project = Project.open(tmp_path / "p")
    assert len(project.model().pools) >= 4
    assert read_taxonomy(project.taxonomy)


def test_an_untouched_default_model_takes_the_bills_currency(tmp_path: Path) -> None:
    """One currency of all bills becomes the default model's; an edited model is left alone."""
    start(tmp_path)
    project = Project.open(tmp_path)

    assert adopt_currency(project, ["EUR", "USD"]) is None
    assert adopt_currency(project, ["EUR"]) == "EUR"
    assert project.model().currency == "EUR"
    assert adopt_currency(project, ["GBP"]) is None


def test_paths_are_relative_where_they_are_near(tmp_path: Path) -> None:
    """A path in or beside the project moves with it; others are absolute."""
    folder = tmp_path / "p"
    assert reachable(folder / "a" / "b.csv", folder) == "a/b.csv"
    assert reachable(tmp_path / "b.csv", folder) == "../b.csv"
    assert reachable(Path("/elsewhere/b.csv"), folder) == "/elsewhere/b.csv"
