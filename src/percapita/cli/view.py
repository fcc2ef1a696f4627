"""``view``: states of the explorer under names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import click

from percapita.cli import options
from percapita.core.roles import ROLES, sight

if TYPE_CHECKING:
    from percapita.store.saved import SavedView


@click.group("view")
def view_command() -> None:
    """Save, list and delete views: states of the explorer under names.

    A view is seen by its owner alone, or shared with everybody whose role may open it.

    \b
    Examples:
      percapita view save "Pro by pool" --by pool --where tier=Pro --project acme
      percapita view save Tiers --by tier --compare 2025-09 --shared --project acme
      percapita view list --project acme
      percapita view delete Tiers --project acme
    """  # noqa: D301


@view_command.command("save")
@click.argument("name")
@click.option("--by", multiple=True, metavar="NAME", help="As of percapita cost.")
@click.option("--where", multiple=True, metavar="NAME=VALUE", help="As of percapita cost.")
@click.option("--facet", multiple=True, metavar="NAME", help="As of percapita cost.")
@click.option("--period", metavar="PERIOD", help="The newest month, whenever opened, unless said.")
@click.option("--compare", metavar="PERIOD", help="A period beside the first.")
@click.option("--scope", metavar="SCOPE", help="Which pools count.")
@click.option("--unit", metavar="UNIT", help="What cost is divided by.")
@click.option("--basis", metavar="BASIS", help="Basis of cost.")
@click.option("--top", type=click.IntRange(min=1), help="Only the dearest rows.")
@click.option("--shared", is_flag=True, help="Show it to everybody whose role may open it.")
@options.project
def save(name: str, project_dir: Path, store_dir: Path | None, *, shared: bool,
         **asked: Any) -> None:  # noqa: ANN401 names and values of an address  # fmt: skip
    """Keep a state of the explorer as NAME; one of yours by that name is replaced."""
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.cost.saved import cleaned, roles_for  # noqa: PLC0415
    from percapita.report.opened import open_figures  # noqa: PLC0415
    from percapita.store.saved import SavedViews  # noqa: PLC0415
    from percapita.store.site import user  # noqa: PLC0415

    query = cleaned(urlencode([(k, v) for k, v in asked.items() if v], doseq=True))
    project = Project.open(project_dir, store_dir)
    viewers = project.settings.viewers
    sights = {role: sight(role, viewers.fewest, viewers.segments) for role in ROLES}
    with project.store(create=False) as store:
        roles = roles_for(open_figures(store, now=project.now), query, sights)
        views = SavedViews(store.catalog)
        made = views.save(user(), name, query, roles=roles, shared=shared, now=project.now)
    whom = f"for {', '.join(roles)}" if shared else "for you alone"
    click.echo(f"Saved {made.name}, {whom}: /cost?{made.query}")


@view_command.command("list")
@options.project
@options.output("text", "json")
def listed(project_dir: Path, store_dir: Path | None, form: str) -> None:
    """List your views, and those that others share."""
    from percapita.project import Project  # noqa: PLC0415
    from percapita.store.saved import SavedViews  # noqa: PLC0415
    from percapita.store.site import user  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        found = SavedViews(store.catalog).seen_by(user(), "admin")
    if form == "json":
        from percapita.report.cost.saved import described  # noqa: PLC0415

        click.echo(json.dumps([described(one, user()) for one in found], indent=2,
                              ensure_ascii=False))  # fmt: skip
        return
    from percapita.report.table import show  # noqa: PLC0415

    rows = [(one.name, one.owner, "yes" if one.shared else "no", f"{one.saved_at:%Y-%m-%d %H:%M}",
             _said(one)) for one in found]  # fmt: skip
    show(("view", "owner", "shared", "saved", "asks"), rows, empty="No view was saved yet.")


@view_command.command("delete")
@click.argument("name")
@click.option("--owner", default="", metavar="WHO", help="Whose, if it is a shared one of others.")
@options.project
def delete(name: str, owner: str, project_dir: Path, store_dir: Path | None) -> None:
    """Remove the view NAME."""
    from percapita.project import Project  # noqa: PLC0415
    from percapita.store.saved import SavedViews  # noqa: PLC0415
    from percapita.store.site import user  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        SavedViews(store.catalog).delete(user(), name, project.now, owner=owner, over_others=True)
    click.echo(f"View {name} is gone.")


def _said(view: SavedView) -> str:
    return ", ".join(f"{name} {value}" for name, value in parse_qsl(view.query))
