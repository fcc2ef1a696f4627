"""Clients that are no people, told by their user agent."""

from __future__ import annotations

from typing import Final

from percapita.store.engine import literal

_WORDS: Final = (
    r"bot\b", r"bot[/;_-]", "crawl", "spider", "slurp", "facebookexternalhit", "mediapartners",
    "feedfetcher", "feedparser", "feedburner", "ia_archiver", "headlesschrome", "phantomjs",
    "lighthouse", "pingdom", "uptimerobot", "statuscake", "site24x7", "newrelicpinger",
    "datadogsynthetics", "elb-healthchecker", "googlehc", "kube-probe", "amazon-route53-health",
    "blackbox-exporter", "masscan", "zgrab", "nmap", "nikto", "sqlmap", "nuclei", "censysinspect",
    "expanse", "ahrefs", "semrush", "mj12", "dotbot", "petalbot", "bytespider", "gptbot",
    "claudebot", "ccbot", "universalfeedparser", "tiny tiny rss", "magpierss", "bloglovin",
    "portscout", "netcraft", "curious george", "link ?checker", "archiver",
)  # fmt: skip


def is_bot(agent: str) -> str:
    """Return SQL that tells whether a user agent is a crawler, feed reader, probe or scanner.

    Programs that call an API on somebody's behalf (curl, SDKs) are none: their users are people.
    """
    return f"regexp_matches(lower({agent}), {literal('|'.join(_WORDS))})"
