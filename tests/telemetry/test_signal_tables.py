"""Head counts, attributes and revenue from tables."""

from __future__ import annotations

import pytest

from percapita.telemetry import recognises
from telemetry.signal_tables import Taker


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("time,user,meter,quantity", "readings"),
        ("@timestamp,metric,value", "readings"),
        ("period,tier,queries,cpu_h", "readings"),
        ("period,tier,count", "counts"),
        ("start,end,count", "counts"),
        ("user,plan,valid_from,valid_to", "segments"),
        ("tenant_id,plan", "segments"),
        ("user,period,amount,currency", "revenue"),
        ("tier,period,price,count", "revenue"),
        ("alias,alias_kind,of,from,to", "aliases"),
        ("a,b,c", None),
        ("user", None),
    ],
)
def test_columns_tell_what_a_table_holds(header: str, kind: str | None) -> None:
    """The kind of a table follows from the names of its columns."""
    assert recognises(header.split(",")) == kind


def test_head_counts(take: Taker) -> None:
    """Counts belong to a segment, a tenant or everyone, for a period or a span of dates."""
    take(
        'unit,period,start,end,tier,count\n,2025-10,,,Pro,"1,200"\nseat,2025-Q4,,,,7\n'
        ",,2025-10-01,2025-10-15,Free,3\n",
        segments=["tier"],
    )

    pro, free = take.number("segment", "tier=Pro"), take.number("segment", "tier=Free")
    october, november = "2025-10-01 00:00:00+00", "2025-11-01 00:00:00+00"
    expected = [
        (None, free, october, "2025-10-15 00:00:00+00", "3"),
        (None, pro, october, november, "1200"),
        ("seat", "0", october, "2026-01-01 00:00:00+00", "7"),
    ]
    rows = take.rows("counts", "unit", "subject", "start", "end", "count")
    assert sorted(expected, key=str) == rows


def test_broken_head_counts(take: Taker) -> None:
    """What is no period, no head count, or counted already is set aside."""
    take(
        "period,tier,count\n2025-10,Pro,2\n2025-10,Pro,2\nsoon,Pro,2\n2025-11,Pro,1.5\n"
        "2025-12,Pro,\n1025-10,Pro,1\n",
        segments=["tier"],
    )

    assert sorted((q.row, q.column, q.code) for q in take.refused()) == [
        (2, "count", "counted-twice"),
        (3, "period", "not-a-period"),
        (4, "count", "not-a-count"),
        (5, "count", "missing"),
        (6, "period", "implausible-date"),
    ]
    assert take.rows("counts", "count") == [("2",)]


def test_finer_head_counts_are_summed(take: Taker) -> None:
    """Rows that differ in a column nobody asked for are one count."""
    taken = take(
        "period,tier,country,count\n2025-10,Pro,DE,2\n2025-10,Pro,FR,3\n", segments=["tier"]
    )

    assert take.rows("counts", "count") == [("5",)]
    assert any("country" in note for note in taken.notes)


def test_two_segments_in_one_row_are_refused(take: Taker) -> None:
    """A count belongs to one segment; each may have a column of its own."""
    take(
        "period,tier,size,count\n2025-10,Pro,,2\n2025-10,,big,3\n2025-10,Pro,big,4\n",
        segments=["tier", "size"],
    )

    assert [(q.row, q.code) for q in take.refused()] == [(3, "two-segments")]
    assert take.rows("counts", "count") == [("2",), ("3",)]


def test_attributes_are_every_further_column(take: Taker) -> None:
    """Each column beside the subject and its dates is an attribute under its own name."""
    take(
        "id,plan,org,since,until\nann,Pro,acme,2025-10-01,2025-10-15T12:00:00+02:00\nbob,,beta,,\n",
        columns={"user": "id", "tenant": "org", "from": "since", "to": "until"},
        kind="segments",
    )

    ann, bob = take.number("user", "ann"), take.number("user", "bob")
    start, end = "2025-10-01 00:00:00+00", "2025-10-15 10:00:00+00"
    expected = [
        (ann, "user", "plan", "Pro", start, end),
        (ann, "user", "tenant", "acme", start, end),
        (bob, "user", "tenant", "beta", None, None),
    ]
    rows = take.rows("segments", "subject", "level", "attribute", "value", "start", "end")
    assert sorted(expected, key=str) == rows


def test_the_later_start_wins(take: Taker) -> None:
    """Intervals of one attribute never overlap: an earlier one ends where a later one starts."""
    taken = take(
        "user,plan,from,to\nann,Free,,\nann,Pro,2025-10-15,2025-12-01\nann,Pro,2025-10-15,2025-12-01\n"
        "ann,Team,2025-11-01,\n"
    )

    assert sorted(
        [
            ("Free", None, "2025-10-15 00:00:00+00"),
            ("Pro", "2025-10-15 00:00:00+00", "2025-11-01 00:00:00+00"),
            ("Team", "2025-11-01 00:00:00+00", None),
        ],
        key=str,
    ) == take.rows("segments", "value", "start", "end")
    assert any("1 intervals" in note for note in taken.notes)


def test_broken_attributes(take: Taker) -> None:
    """A row without an id, with a bad date, or that ends before it starts is set aside."""
    take(
        "user,plan,from,to\n,Pro,,\nann,Pro,4/1/25,\nbob,Pro,2025-10-02,2025-10-01\ncyd,Pro,,never\n"
    )

    assert sorted((q.row, q.column, q.code) for q in take.refused()) == [
        (1, "user", "no-subject"),
        (2, "from", "not-a-time"),
        (3, "to", "ends-before-start"),
        (4, "to", "not-a-time"),
    ]


def test_names_and_addresses_of_people_are_left_out(take: Taker) -> None:
    """Columns that tell who a person is are no attributes unless they are mapped by name."""
    taken = take("user,email,full_name,plan\nann,ann@example.org,Ann A,Pro\n")

    assert take.rows("segments", "attribute") == [("plan",)]
    assert any("email, full_name" in note for note in taken.notes)


def test_an_attribute_can_say_who_is_a_bot(take: Taker) -> None:
    """The attribute kind marks bots, and a later delivery can take it back."""
    take("user,kind\ncrawler,bot\nann,human\n")
    crawler = int(take.number("user", "crawler"))
    before = take.store.door.kinds()
    take("user,kind\ncrawler,human\nann,human\n")

    assert before == {crawler: "bot"}
    assert take.store.door.kinds() == {}


def test_revenue_is_exact(take: Taker) -> None:
    """Amounts keep 18 digits, refunds are negative, and one payer's rows are summed by kind."""
    taken = take(
        "user,period,amount,currency,kind\nann,2025-10,0.1,eur,\nann,2025-10,1.000000000000000001,EUR,\n"
        'ann,2025-10,($5.00),EUR,Refund\nbob,2025-10,"1,000",EUR,\nbob,2025-10,x,EUR,\n'
        "bob,2025-10,1,Euro,\n"
    )

    ann, bob = take.number("user", "ann"), take.number("user", "bob")
    assert sorted(
        [
            (ann, "1.100000000000000001", "EUR", "revenue"),
            (ann, "-5.000000000000000000", "EUR", "refund"),
            (bob, "1000.000000000000000000", "EUR", "revenue"),
        ],
        key=str,
    ) == take.rows("revenue", "subject", "amount", "currency", "kind")
    assert taken.sums == {"EUR": {"refund": "-5.00", "revenue": "1001.100000000000000001"}}
    assert [(q.row, q.column) for q in take.refused()] == [(5, "amount"), (6, "currency")]


def test_revenue_as_price_times_count(take: Taker) -> None:
    """A price list and a head count make revenue, multiplied exactly."""
    take("period,tier,price,count\n2025-10,Pro,49.99,1200\n2025-10,Free,0,\n", segments=["tier"])

    assert take.rows("revenue", "amount", "currency") == [("59988.000000000000000000", None)]
    assert [(q.row, q.code) for q in take.refused()] == [(2, "missing")]


def test_a_contract_spans_its_dates(take: Taker) -> None:
    """Revenue with start and end is one amount for the whole span."""
    take("tenant,start,end,amount\nacme,2025-10-01,2026-10-01,12000\nacme,2025-10-01,,1\n")

    assert take.rows("revenue", "start", "end", "period") == [
        ("2025-10-01 00:00:00+00", "2026-10-01 00:00:00+00", "2025-10")
    ]
    assert [(q.row, q.column) for q in take.refused()] == [(2, "end")]
