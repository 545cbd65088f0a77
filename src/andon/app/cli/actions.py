"""``andon actions``: what leaves the house, and what people decide about it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from andon.app.action_entries import ASKS, DOES, entry, proposer, stands
from andon.app.cli.action_output import print_action
from andon.app.cli.action_uploads import upload_command
from andon.app.cli.database import Visitor, change
from andon.app.cli.filters import LISTED, AboutProblem, Json, JsonArray, ProblemId, Rows, id_argument
from andon.app.cli.output import (
    WIDE,
    Cell,
    When,
    command_settings,
    console,
    errors,
    one_line,
    plain,
    print_json,
    print_listing,
    user_name,
)
from andon.app.cli.shapes import Group
from andon.core.errors import ActionRefused
from andon.core.models.actions import OPEN, Action, ActionStatus, Operation, Origin
from andon.core.times import stored
from andon.store import actions as store
from andon.store import problems

if TYPE_CHECKING:
    from andon.core.settings.settings import Settings

app = typer.Typer(cls=Group, invoke_without_command=True, add_completion=False)

ActionId = Annotated[int, id_argument("ID", "Id of the action, as `andon actions` lists it.")]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who says so (default: you).")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
Target = Annotated[str | None, typer.Option("--target", metavar="NAME", help="Only actions for this connected system.")]
Status = Annotated[
    list[ActionStatus] | None,
    typer.Option(
        "--status", metavar="STATE", help=f"Only actions in this state; repeatable: {', '.join(ActionStatus)}."
    ),
]
Every = Annotated[bool, typer.Option("--all", help="List finished actions too.")]
#: A beginning of a hash that is as good as all of it.
_HASH_LEAST = 8


@app.callback()
def actions(
    context: typer.Context,
    limit: Rows = LISTED,
    target: Target = None,
    problem: AboutProblem = None,
    status: Status = None,
    every: Every = False,
    as_json: JsonArray = False,
) -> None:
    """Review what Andon is to send to connected systems; approve or decline it.

    Without a command, lists what waits for approval, is being sent, or needs a person to settle it: what needs a
    decision first, then the newest.

    Example: andon actions 3, then andon actions approve 3
    """
    if context.invoked_subcommand is not None:
        return
    from andon.app.cli.action_targets import demand_connected

    settings = command_settings()
    with Visitor(settings.database) as visitor:
        statuses = status or (() if every else OPEN)
        rows = visitor.read(store.listing, limit, statuses=statuses, target=target, problem_id=problem)
        if not rows and problem is not None:
            visitor.read(problems.summary, problem)  # raises where there is none
    if not rows and target is not None:
        demand_connected(settings, target)
    rows.sort(key=lambda one: ASKS.index(one.status) if one.status in ASKS else len(ASKS))
    if as_json:
        print_json([entry(one) for one in rows])
        return
    if not rows:
        console.print("No action matches." if every or status or target or problem else "Nothing waits for approval.")
        if not settings.targets:
            console.print("No system is connected; docs/connectors.md says how to connect one.")
        if not (every or status):
            _tell_of_failed(settings)
        return
    wide = console.width >= WIDE

    def cells(row: Action) -> tuple[Cell, ...]:
        when = When(stored(row.created), settings.time_zone)
        state = stands(row) if wide else row.status.value
        about = row.problem_id or ""
        return row.id, state, DOES[row.operation], row.target, about, one_line(proposer(row)), when, row.title

    print_listing(("id>", "state", "what", "where", "problem>", "proposed by?", "since?", "title~"), map(cells, rows))
    if any(one.status is ActionStatus.UNSURE for one in rows):
        errors.print("The outcome of some is unknown: `andon actions ID` says what to look for.")
    if not (every or status):
        _tell_of_failed(settings)


def _tell_of_failed(settings: Settings) -> None:
    """What failed is not in the list of what waits, and somebody should know of it."""
    with Visitor(settings.database) as visitor:
        failed = sum(visitor.read(store.failed_since, time.time() - store.FAILED_TOLD).values())
    if failed:
        word = "action" if failed == 1 else "actions"
        errors.print(f"{failed:,} {word} failed in the last 24 hours: `andon actions --status failed` says why.")


@app.command("show")
def show_command(action_id: ActionId, as_json: Json = False) -> None:
    """Show one action: what it says, the exact requests it sends, and what became of it.

    Example: andon actions show 3
    """
    settings = command_settings()
    with Visitor(settings.database) as visitor:
        found = visitor.read(store.action, action_id)
    print_action(found, settings, as_json=as_json)


@app.command("propose")
def propose_command(
    pattern_id: ProblemId,
    target: Annotated[str, typer.Argument(metavar="SYSTEM", help="Name of the connected system.")],
    do: Annotated[
        Literal["ticket", "message", "event"],
        typer.Option("--do", help="What to create there."),
    ] = "ticket",
    where: Annotated[
        str, typer.Option("--where", metavar="PLACE", help="Project, table or channel (default: the usual one).")
    ] = "",
    why: Annotated[
        str, typer.Option("--why", metavar="TEXT", help="The reason, for whoever approves it; a ticket shows it too.")
    ] = "",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Propose a ticket, a message or an event about a problem. Nothing is sent before somebody approves it.

    Example: andon actions propose 12 jira --why "second time this week"
    """
    from andon.app.cli.action_targets import proposals_for
    from andon.app.proposing import about_problem  # all that is known of a problem, which no list needs

    settings = command_settings()
    proposals = proposals_for(settings, target)
    made = change(
        settings.database,
        about_problem,
        proposals,
        settings,
        pattern_id,
        target,
        do,
        origin=Origin.PERSON,
        now=time.time(),
        by=by or user_name(),
        why=why,
        where=where,
    )
    print_action(made, settings, as_json=as_json)
    if not as_json:
        console.print(plain(f"\nProposed. `andon actions approve {made.id}` sends exactly this."))


app.command("upload")(upload_command)


@app.command("call")
def call_command(
    target: Annotated[str, typer.Argument(metavar="SYSTEM", help="Name of the connected MCP server.")],
    tool: Annotated[str, typer.Argument(metavar="TOOL", help="The tool, one of the write_tools in its table.")],
    arguments: Annotated[str, typer.Argument(metavar="JSON", help="Its arguments as a JSON object.")] = "{}",
    problem: Annotated[
        int | None,
        typer.Option("--problem", "--pattern", metavar="ID", min=1, help="The problem it is about."),
    ] = None,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for whoever approves it.")] = "",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Propose a call of a tool of an MCP server. Nothing is called before somebody approves it.

    Example: andon actions call maintenance add_work_order '{"machine": "press-7"}' --problem 12
    """
    from andon.act.outgoing_values import read_object
    from andon.app.cli.action_targets import proposals_for
    from andon.app.tool_calls import propose_call

    settings = command_settings()
    given, proposals = read_object(arguments), proposals_for(settings, target)
    who, now = by or user_name(), time.time()
    made = change(
        settings.database, propose_call, proposals, target, tool, given, by=who, now=now, why=why, problem_id=problem
    )
    print_action(made, settings, as_json=as_json)
    if not as_json:
        console.print(plain(f"\nProposed. `andon actions approve {made.id}` calls exactly this."))


@app.command("approve")
def approve_command(
    action_id: ActionId,
    yes: Yes = False,
    digest: Annotated[
        str, typer.Option("--hash", metavar="HASH", help="Approve only if the hash is this or begins so; asks nothing.")
    ] = "",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Show what an action sends, ask on a terminal, and approve exactly that. It is sent once.

    Without a terminal nothing is asked. An action never changes; --hash makes sure that it is the one you saw:
    andon actions approve 3 --hash 1f0c8e22, with the hash that `andon actions show 3 --json` prints.

    Example: andon actions approve 3
    """
    settings = command_settings()
    if as_json and sys.stdin.isatty():
        _demand_answer(yes or bool(digest), "--yes or --hash", as_json)
    with Visitor(settings.database) as visitor:
        found = visitor.read(store.action, action_id)
    _demand_hash(found, digest)
    if not as_json:
        print_action(found, settings, as_json=False)
    if found.status is ActionStatus.PROPOSED and not (yes or digest or as_json) and sys.stdin.isatty():
        console.print()
        typer.confirm("Approve exactly this?", abort=True)
    who, now = by or user_name(), time.time()
    done = change(settings.database, store.approve, action_id, who, now=now, digest=found.digest)
    _told(done, "Approved.", settings, as_json=as_json)


@app.command("decline")
def decline_command(
    action_id: ActionId,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why, for whoever proposed it.")] = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Decline a proposal, withdraw an approved action that has not been sent, or drop one whose outcome is unknown.

    Example: andon actions decline 3 --note "maintenance knows of it"
    """
    settings = command_settings()
    done = change(settings.database, store.decline, action_id, by or user_name(), note, now=time.time())
    if as_json:
        print_action(done, settings, as_json=True)
    else:
        console.print(plain(f"Action {done.id} is declined: {done.title}"))


@app.command("retry")
def retry_command(action_id: ActionId, yes: Yes = False, by: By = None, as_json: Json = False) -> None:
    """Send a failed action again, or one whose outcome was unknown and that you know was not carried out.

    Example: andon actions retry 3
    """
    settings = command_settings()
    with Visitor(settings.database) as visitor:
        found = visitor.read(store.action, action_id)
    if found.status is ActionStatus.UNSURE and not yes:
        _demand_answer(False, "--yes", as_json)
        print_action(found, settings, as_json=False)
        console.print()
        typer.confirm(f"Did you check in {found.target} that it was not carried out?", abort=True)
    done = change(settings.database, store.retry, action_id, by or user_name(), now=time.time())
    _told(done, f"Action {done.id} is sent again.", settings, as_json=as_json)


@app.command("settle")
def settle_command(
    action_id: ActionId,
    ref: Annotated[
        str, typer.Option("--ref", metavar="NAME", help="What the system calls it, such as the ticket number.")
    ] = "",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Record that an action whose outcome was unknown was carried out.

    Example: andon actions settle 3 --ref OPS-1482
    """
    from andon.act.settling import settle
    from andon.app.cli.action_targets import connectors_for

    settings = command_settings()
    with Visitor(settings.database) as visitor:
        found = visitor.read(store.action, action_id)
    if found.operation is Operation.OPEN_TICKET and not ref.strip():
        raise typer.BadParameter(
            f"give the number of the ticket in {found.target}, so that it is not opened twice", param_hint="--ref"
        )
    connectors = connectors_for(settings, found.target)
    done = change(settings.database, settle, connectors, action_id, ref, by or user_name(), now=time.time())
    if as_json:
        print_action(done, settings, as_json=True)
    else:
        known = f" as {done.receipt.ref}" if done.receipt and done.receipt.ref else ""
        console.print(plain(f"Action {done.id} is settled: it was carried out{known}."))


def _demand_answer(given: bool, option: str, as_json: bool) -> None:
    if as_json and not given:
        raise typer.BadParameter(f"--json asks nothing: add {option}", param_hint="--json")


def _demand_hash(found: Action, given: str) -> None:
    if not given:
        return
    if len(given) < _HASH_LEAST:
        raise typer.BadParameter(f"give at least {_HASH_LEAST} digits of the hash", param_hint="--hash")
    if not found.digest.startswith(given.lower()):
        raise ActionRefused(
            f"action {found.id} has another hash, {found.digest[:16]}…: nothing was approved; "
            f"`andon actions show {found.id}` shows what it sends"
        )


def _told(done: Action, sentence: str, settings: Settings, *, as_json: bool) -> None:
    """Say what was decided, and who sends it."""
    if as_json:
        print_action(done, settings, as_json=True)
    else:
        console.print(plain(f"\n{sentence} {_sender(settings, done.target)}"), soft_wrap=True)


def _sender(settings: Settings, target: str) -> str:
    """Who sends what is approved now, and what keeps it from it."""
    from andon.app.running_service import NotAnswered, NotRunning, ask

    if all(named.name != target for named in settings.targets):
        return f"These settings connect no system called {target}: the action is sent once they do."
    try:
        listed = ask(settings, "targets")["items"]
    except NotRunning:
        return "No service runs with these settings: nothing is sent until `andon run` starts one."
    except (NotAnswered, LookupError, TypeError):  # it wants a token, or is another version of Andon
        return "The running service sends it."
    trouble = next((one.get("trouble") for one in listed if one.get("name") == target), None)
    if trouble:
        return f"The running service sends it as soon as {target} can be reached: {trouble}"
    return f"The running service sends it now; `andon actions` shows what {target} answered."
