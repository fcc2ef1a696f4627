"""A taxonomy in the words of the clouds: policies that enforce it, patches that fulfil it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from percapita.core.errors import InputError
from percapita.core.money import text
from percapita.report.tags.taxonomy import Taxonomy
from percapita.store.read.tags import Patch

AWS_CHARACTERS: Final = 10_000
"""A tag policy of AWS Organizations may have no more."""
_ARNS: Final = 20
"""Resources that one call of AWS' tagging interface takes."""
_ARN: Final = "arn:"
_AZURE: Final = "/subscriptions/"
_PATCH: Final = ("resource", "service", "account", "key", "value", "present", "rule", "spend")


class AwsPolicyError(InputError):
    """A taxonomy that no tag policy of AWS can say."""


def aws_tag_policy(taxonomy: Taxonomy) -> dict[str, Any]:
    """Return the tag policy of AWS Organizations: spelling of keys, allowed values, enforcement.

    Raises:
        AwsPolicyError: two keys differ in case alone, or the policy is too long.
    """
    tags: dict[str, Any] = {}
    for key, values in {**taxonomy.required, **taxonomy.optional}.items():
        if key.lower() in tags:
            raise AwsPolicyError(
                f"AWS tells no tag keys apart by case: {key!r} is there twice.",
                hint="Keep one spelling in taxonomy.yaml, and bring the others to it by a rule.",
            )
        policy: dict[str, Any] = {"tag_key": {"@@assign": key}}
        if values:
            policy["tag_value"] = {"@@assign": list(values)}
        if taxonomy.enforced:
            policy["enforced_for"] = {"@@assign": list(taxonomy.enforced)}
            if key in taxonomy.required:
                policy["report_required_tag_for"] = {"@@assign": list(taxonomy.enforced)}
        tags[key.lower()] = policy
    document = {"tags": tags}
    size = len(json.dumps(document, separators=(",", ":")))
    if size > AWS_CHARACTERS:
        raise AwsPolicyError(
            f"The tag policy has {size:,} characters, AWS takes {AWS_CHARACTERS:,}.",
            hint="Fix fewer values in taxonomy.yaml, or split it over several policies.",
        )
    return document


def azure_policy(taxonomy: Taxonomy) -> dict[str, Any]:
    """Return a policy definition of Azure: audits, or denies, resources whose tags break it."""
    broken: list[dict[str, Any]] = []
    for key, values in taxonomy.required.items():
        broken.append({"field": _field(key), "exists": "false"})
        if values:
            broken.append({"field": _field(key), "notIn": list(values)})
    for key, values in taxonomy.optional.items():
        field = _field(key)
        there = {"field": field, "exists": "true"}
        broken.append({"allOf": [there, {"field": field, "notIn": list(values)}]})
    return {
        "properties": {
            "displayName": "Tags follow the taxonomy",
            "description": "Required tag keys, and the values that they may have.",
            "policyType": "Custom",
            "mode": "Indexed",
            "metadata": {"category": "Tags", "version": "1.0.0"},
            "parameters": {
                "effect": {
                    "type": "String",
                    "metadata": {"displayName": "Effect"},
                    "allowedValues": ["Audit", "Deny", "Disabled"],
                    "defaultValue": "Audit",
                }
            },
            "policyRule": {
                "if": {"anyOf": broken},
                "then": {"effect": "[parameters('effect')]"},
            },
        }
    }


def _field(key: str) -> str:
    """Return how a policy names a tag; apostrophes in a key are doubled, and it is quoted anew."""
    return f"tags['''{key}''']" if "'" in key else f"tags['{key}']"


def patch_json(patches: Sequence[Patch]) -> dict[str, Any]:
    """Return the tags to set as the clouds' command lines take them.

    ``aws``: each is the input of ``resourcegroupstaggingapi tag-resources``; ``azure``: resource
    and body of the tags interface, operation Merge; ``other``: resources that are neither.
    """
    wanted: dict[str, dict[str, str]] = {}
    for patch in patches:
        wanted.setdefault(patch.resource, {})[patch.key] = patch.value
    return {
        "aws": _aws_calls({r: tags for r, tags in wanted.items() if r.startswith(_ARN)}),
        "azure": [
            {"id": resource, "body": {"operation": "Merge", "properties": {"tags": tags}}}
            for resource, tags in wanted.items()
            if resource.lower().startswith(_AZURE)
        ],
        "other": [
            {"resource": resource, "tags": tags}
            for resource, tags in wanted.items()
            if not resource.startswith(_ARN) and not resource.lower().startswith(_AZURE)
        ],
    }


def _aws_calls(wanted: Mapping[str, dict[str, str]]) -> list[dict[str, Any]]:
    alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for resource, tags in wanted.items():
        alike.setdefault(tuple(sorted(tags.items())), []).append(resource)
    return [
        {"ResourceARNList": resources[at : at + _ARNS], "Tags": dict(tags)}
        for tags, resources in alike.items()
        for at in range(0, len(resources), _ARNS)
    ]


def patch_flat(patches: Sequence[Patch]) -> tuple[tuple[str, ...], list[list[Any]]]:
    """Return header and rows: a tag to set each, with what is there now and the rule behind it."""
    return _PATCH, [
        [p.resource, p.service, p.account, p.key, p.value, p.present, p.rule, text(p.spend)]
        for p in patches
    ]
