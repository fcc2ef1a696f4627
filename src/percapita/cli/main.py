"""All verbs of percapita. A verb's module is imported only when the verb is called."""

from __future__ import annotations

import importlib
import sys
from typing import Any, NoReturn

import click

from percapita import __version__
from percapita.core.errors import PercapitaError, ProofError

VERBS: dict[str, tuple[str, str]] = {
    "init": ("setup", "Start a project: model, taxonomy and resource map to edit."),
    "import": ("setup", "Take in bills, usage, users, head counts, revenue and events."),
    "sources": ("setup", "Show what was imported: files, rows, sums."),
    "quarantine": ("setup", "List the rows that could not be read, and why."),
    "check": ("check", "See whether the figures can be trusted, and what to do first."),
    "tags": ("tags", "See which tags are missing or wrong, and enforce them elsewhere."),
    "timeline": ("timeline", "Show deploys, incidents and what else happened, in order."),
    "commitments": ("commitments", "See what commitments cover, waste and save."),
    "digest": ("digest", "Count what percapita serve received."),
    "run": ("run", "Split every bill line over its users and prove the sums."),
    "runs": ("run", "List the runs and what each one published."),
    "cost": ("cost", "Show what a user, tier, tenant, pool or feature costs."),
    "view": ("view", "Save, list and delete views: states of the explorer under names."),
    "metrics": ("metrics", "Show every named figure of a period, and what it is."),
    "statement": ("statement", "Show a team, tenant or tier what it cost, or charge it."),
    "report": ("statement", "Write a month's report: HTML, Markdown or PDF."),
    "pricing": ("statement", "Give billing what a unit costs, by tier and by driver."),
    "live": ("live", "Estimate what everything costs right now, before the bill is there."),
    "readings": ("usage", "Sum what was measured, and how sure a sample makes it."),
    "attribution": ("usage", "See how much usage names its user, and where the id is lost."),
    "traces": ("traces", "Follow single requests: what ran when, and what each span cost."),
    "calls": ("calls", "See calls to third parties and others: failed, slow, dear."),
    "activity": ("usage", "See who was active: users, sessions, transactions, bots."),
    "explain": ("explain", "Follow one figure down to bill lines, or a line up to its users."),
    "reconcile": ("reconcile", "Compare the figures with the bill, line by named line."),
    "pricebook": ("prices", "Compare unit prices of the bill with those of the price book."),
    "contracts": ("prices", "Show contracts: notice dates, use of commitments, prices."),
    "budget": ("budget", "Compare budgets with the bill and with what the month will come to."),
    "model": ("model", "Check, describe and document the cost model."),
    "lines": ("dump", "Print the bill lines of a period."),
    "groups": ("dump", "Print the acts of splitting of a run."),
    "weights": ("dump", "Print every receiver's weight in every group."),
    "ledger": ("dump", "Print the amounts of every receiver."),
    "export": ("export", "Hand the bill on as FOCUS, as it came or cut over its users."),
    "erase": ("privacy", "Forget who somebody was; every total stays."),
    "key": ("key", "Rotate the key that ids of people are hidden with."),
    "close": ("close", "Close a billing month: what changes later is booked apart."),
    "history": ("history", "Show each version of a month's figures, and why it moved."),
    "journal": ("journal", "Write a month's double entries, which sum to the bill."),
    "decision": ("decision", "Write down what was decided on which figure, and what came of it."),
    "audit": ("audit", "Show who did what: writes, sign-ins, refusals, looks at people."),
    "gc": ("care", "Delete files of figures that nothing shows any more."),
    "doctor": ("care", "See whether catalog, files and Delta logs agree."),
    "serve": ("serve", "Show pages, and receive what OpenTelemetry exporters send."),
    "token": ("token", "Make, list and revoke tokens for senders and readers."),
}
"""Verb -> module of ``percapita.cli`` and the sentence that ``--help`` prints."""

USAGE, INTERNAL = 2, 3


class _Verbs(click.Group):
    """Lists every verb without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"percapita.cli.{VERBS[cmd_name][0]}")
        command = getattr(module, f"{cmd_name}_command")
        assert isinstance(command, click.Command)  # noqa: S101
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in VERBS.items()])


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="percapita")
def cli() -> None:
    """What every user costs you: exactly, explainably, and now.

    \b
    Examples:
      percapita init acme --bill bill.csv.gz
      percapita run --project acme
      percapita cost --by tier --period 2025-10 --project acme
    """  # noqa: D301


def main(argv: list[str] | None = None) -> NoReturn:
    """Run the command line and leave with its code: 0 fine, 1 findings, 2 input, 3 internal."""
    sys.exit(run(argv))


def run(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        result: Any = cli.main(args=argv, prog_name="percapita", standalone_mode=False)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.Abort:
        click.echo("Stopped.", err=True)
        return USAGE
    except click.ClickException as error:
        error.show()
        return USAGE
    except PercapitaError as error:
        click.echo(f"percapita: {error}", err=True)
        return INTERNAL if isinstance(error, ProofError) else USAGE
    except Exception:  # noqa: BLE001 whatever it is, it is not the user's doing, and the code says so
        import traceback  # noqa: PLC0415 nobody hopes to need it

        click.echo(traceback.format_exc(), err=True, nl=False)
        click.echo(
            "percapita: an error in percapita itself; please report the lines above.", err=True
        )
        return INTERNAL
    return result if isinstance(result, int) else 0
