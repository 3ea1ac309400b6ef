"""Commands that move points: award, deduct, undo."""

import re
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from points_core import approvals, awards
from points_core.cli.running import AsJson, Community, Key, fail, origin, run, say, say_json
from points_core.database import Points
from points_core.errors import PointsError
from points_core.values import Kind, Receipt, Request, parse_amount

User = Annotated[str, typer.Argument(help="The member's outside id (a Discord user id).")]
Amount = Annotated[str, typer.Argument(help="Points, a whole number in plain digits.")]
Reason = Annotated[str, typer.Argument(help="What for; it stays in the ledger.")]
Category = Annotated[str | None, typer.Option(help="One of the community's categories.")]
Evidence = Annotated[str | None, typer.Option(help="A link that shows why.")]
Name = Annotated[str | None, typer.Option(help="How the member is called now.")]


NEGATIVE = re.compile(r"-\.?\d")


class Moving(TyperCommand):
    """A command that takes an amount: -5 is an amount to refuse, with the reason, and no option to miss."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer does not export its own
        """Parse; what begins like a negative number is no option, every other dash is."""
        given = args[: args.index("--")] if "--" in args else list(args)  # parsing empties it
        ctx.ignore_unknown_options = any(NEGATIVE.match(each) for each in given)
        rest = super().parse_args(ctx, args)
        for parameter in self.params:
            value = ctx.params.get(str(parameter.name))
            if parameter.param_type_name == "argument" and value in given and _is_option(str(value)):
                ctx.fail(f"No such option: {value}")
        return rest


def _is_option(text: str) -> bool:
    return len(text) > 1 and text.startswith("-") and not NEGATIVE.match(text)


def award(
    user: User,
    amount: Amount,
    reason: Reason,
    category: Category = None,
    evidence: Evidence = None,
    name: Name = None,
    community: Community = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Give a member points."""
    _move(Kind.AWARD, user, amount, reason, category, evidence, name, community, key, as_json)


def deduct(
    user: User,
    amount: Amount,
    reason: Reason,
    category: Category = None,
    evidence: Evidence = None,
    name: Name = None,
    community: Community = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Take points from a member."""
    _move(Kind.DEDUCTION, user, amount, reason, category, evidence, name, community, key, as_json)


def undo(
    number: Annotated[int, typer.Argument(help="The transaction's number.", min=1)],
    reason: Reason,
    community: Community = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Take a transaction back with a linked one, dated like it."""

    async def work(points: Points) -> Receipt:
        return await points.write(awards.reverse, origin(points, community, key), number, reason=reason)

    _answer(run(work), as_json)


def _move(
    kind: Kind,
    user: str,
    amount: str,
    reason: str,
    category: str | None,
    evidence: str | None,
    name: str | None,
    community: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    try:
        whole = parse_amount(amount)
    except PointsError as error:
        fail(error)

    async def work(points: Points) -> Receipt | Request:
        return await points.write(
            approvals.request,
            origin(points, community, key),
            kind=kind,
            user_id=user,
            amount=whole,
            reason=reason,
            category=category,
            evidence=evidence,
            name=name,
        )

    _answer(run(work), as_json)


def _answer(outcome: Receipt | Request, as_json: bool) -> None:
    if as_json:
        say_json(outcome)
    elif isinstance(outcome, Receipt):
        again = " (done before, nothing new was written)" if outcome.replayed else ""
        say(
            f"#{outcome.number} {outcome.kind} {outcome.amount:+} for {outcome.user_id}: "
            f"{outcome.before} → {outcome.after}{again}"
        )
        if outcome.season:
            say(f"It is dated into the sealed season {outcome.season!r}, whose result stays.")
    else:
        say(
            f"Request {outcome.number} for {outcome.amount:+} to {outcome.user_id} is {outcome.state}: "
            f"{outcome.approvals} of {outcome.quorum} agreed, it expires {outcome.expires_at.isoformat()}"
        )
