"""The closed lists of FOCUS, as SQL that maps what bills say to what they allow."""

from __future__ import annotations

from typing import Final

CATEGORIES: Final = {
    "AI and Machine Learning": (
        "AI Platforms", "Bots", "Generative AI", "Machine Learning", "Natural Language Processing",
    ),
    "Analytics": (
        "Analytics Platforms", "Business Intelligence", "Data Processing", "Search",
        "Streaming Analytics",
    ),
    "Business Applications": ("Productivity and Collaboration",),
    "Compute": (
        "Containers", "End User Computing", "Quantum Compute", "Serverless Compute",
        "Virtual Machines",
    ),
    "Databases": (
        "Caching", "Data Warehouses", "Ledger Databases", "NoSQL Databases",
        "Relational Databases", "Time Series Databases",
    ),
    "Developer Tools": (
        "Developer Platforms", "Continuous Integration and Deployment",
        "Development Environments", "Source Code Management", "Quality Assurance",
    ),
    "Identity": ("Identity and Access Management",),
    "Integration": ("API Management", "Messaging", "Workflow Orchestration"),
    "Internet of Things": ("IoT Analytics", "IoT Platforms"),
    "Management and Governance": (
        "Architecture", "Compliance", "Cost Management", "Data Governance", "Disaster Recovery",
        "Endpoint Management", "Observability", "Support",
    ),
    "Media": ("Content Creation", "Gaming", "Media Streaming", "Mixed Reality"),
    "Migration": ("Data Migration", "Resource Migration"),
    "Mobile": (),
    "Multicloud": ("Multicloud Integration",),
    "Networking": (
        "Application Networking", "Content Delivery", "Network Connectivity",
        "Network Infrastructure", "Network Routing", "Network Security",
    ),
    "Other": (),
    "Security": (
        "Secret Management", "Security Posture Management", "Threat Detection and Response",
    ),
    "Storage": (
        "Backup Storage", "Block Storage", "File Storage", "Object Storage", "Storage Platforms",
    ),
    "Web": ("Application Platforms",),
}  # fmt: skip
"""Service categories and their subcategories; each has ``Other (CATEGORY)`` too."""

_TIME: Final = "Year|Month|Day|Hour|Minute|Second"
_SHORT: Final = {"Yr": "Year", "Mo": "Month", "Hr": "Hour", "Min": "Minute", "Sec": "Second"}


def _list(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def category(raw: str) -> str:
    """Return the service category: as given where FOCUS knows it."""
    return f"CASE WHEN {raw} IN ({_list(tuple(CATEGORIES))}) THEN {raw} ELSE 'Other' END"


def subcategory(raw: str, of: str) -> str:
    """Return the service subcategory: as given where it belongs to the category."""
    known = " ".join(
        f"WHEN {of} = '{name}' AND {raw} IN ({_list((*subs, f'Other ({name})'))}) THEN {raw}"
        for name, subs in CATEGORIES.items()
    )
    return f"CASE {known} ELSE 'Other (' || {of} || ')' END"


def frequency(raw: str, charge: str) -> str:
    """Return the charge frequency; a purchase is never usage-based."""
    return (
        f"CASE WHEN {raw} IN ('One-Time', 'Recurring') THEN {raw}"
        f" WHEN {charge} = 'Purchase' THEN 'One-Time'"
        f" WHEN {raw} = 'Usage-Based' OR {charge} = 'Usage' THEN 'Usage-Based' ELSE 'One-Time' END"
    )


def pricing(raw: str, commitment_id: str) -> str:
    """Return the pricing category."""
    return (
        f"CASE WHEN {raw} IN ('Standard', 'Dynamic', 'Committed', 'Other') THEN {raw}"
        f" WHEN {raw} IS NOT NULL THEN 'Other'"
        f" WHEN {commitment_id} IS NOT NULL THEN 'Committed' ELSE 'Standard' END"
    )


def commitment(raw: str) -> str:
    """Return the category of a commitment discount."""
    return f"CASE WHEN {raw} = 'Usage' THEN 'Usage' ELSE 'Spend' END"


def unit(raw: str) -> str:
    """Return a unit as FOCUS writes it: ``GB-Second`` and ``GB-Mo`` are GB-Seconds, GB-Months."""
    text = f"trim(regexp_replace({raw}, '[^A-Za-z0-9/-]+', ' ', 'g'))"
    for short, name in _SHORT.items():
        text = f"regexp_replace({text}, '([-/]){short}s?$', '\\1{name}s')"
    text = f"regexp_replace({text}, '-({_TIME})$', '-\\1s')"
    text = f"regexp_replace({text}, '/({_TIME})s$', '/\\1')"
    count = "[A-Za-z][A-Za-z0-9]*( [A-Za-z][A-Za-z0-9]*)*"
    fits = (
        f"^({count}|{count}-({_TIME})s|{count}/({_TIME})|[0-9]+ {count}|{count}/[0-9]+ ({_TIME})s)$"
    )
    plain = f"trim(regexp_replace({text}, '[-/ ]+', ' ', 'g'))"
    letters = f"nullif(trim(regexp_replace({plain}, '(^| )[0-9]+[A-Za-z0-9]*', ' ', 'g')), '')"
    tidy = f"regexp_replace({letters}, ' +', ' ', 'g')"
    return (
        f"CASE WHEN regexp_matches({text}, '{fits}') THEN {text}"
        f" WHEN regexp_matches({plain}, '{fits}') THEN {plain}"
        f" ELSE coalesce({tidy}, 'Unit') END"
    )
