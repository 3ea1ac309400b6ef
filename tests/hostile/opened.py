"""Every form of the bot: who opens it, how, and what an honest person fills in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import simcord

from bot import batches, giving, undo, voting
from bot.cogs import privacy
from bot.rule_editor import fields, undoing
from points_core import approvals
from points_core.values import Actor, Kind, Origin
from tests.hostile.simulated import Raw, Said

Open = Callable[[Raw, simcord.MemberActor], Awaitable[Said]]


@dataclass(frozen=True, slots=True)
class FormOpened:
    """A form: what it is called here, how it is opened, what is filled in."""

    name: str
    opens: Open
    values: dict[str, Any]


async def target(
    raw: Raw, amount: int = 3, by: simcord.MemberActor | None = None, to: simcord.MemberActor | None = None
) -> int:
    """Return the number of a new transaction of ada's, or of a new request where `amount` is above 100."""
    world = raw.world
    world._changes += 1
    origin = Origin(
        world.community, Actor.member(str((by or world.ada).id)), world.env.now(), f"target:{world._changes}"
    )
    made = await world.points.write(
        approvals.request,
        origin,
        kind=Kind.AWARD,
        user_id=str((to or world.noah).id),
        amount=amount,
        reason=f"target {world._changes}",
        again=True,
    )
    raw.changes()
    return made.number


async def _undo(raw: Raw, actor: simcord.MemberActor) -> Said:
    return await raw.press(actor, f"points:undo:{await target(raw)}")


async def _reject(raw: Raw, actor: simcord.MemberActor) -> Said:
    return await raw.press(actor, f"points:reject:{await target(raw, 500)}")


async def _undo_batch(raw: Raw, actor: simcord.MemberActor) -> Said:
    return await raw.press(actor, "points:undo-batch:1")


async def _undo_rule(raw: Raw, actor: simcord.MemberActor) -> Said:
    return await raw.press(actor, "points:undo-rule:1:0:0:0")


async def _rule(raw: Raw, actor: simcord.MemberActor) -> Said:
    return await raw.press(actor, "points:rule:1:change", kind=3, values=["name"])


async def _award(raw: Raw, actor: simcord.MemberActor) -> Said:
    return await raw.menu(actor, "Award points", raw.world.mia)


async def _erase(raw: Raw, actor: simcord.MemberActor) -> Said:
    await target(raw, to=actor)  # nothing is kept of who never had points
    return await raw.slash(actor, "privacy erase", {})


WHY: Final = {"reason": "it was a mistake"}
FORMS: Final[dict[type[Any], FormOpened]] = {
    giving.AwardForm: FormOpened("award", _award, {"amount": "5", "reason": "helped with the hedge"}),
    undo.UndoForm: FormOpened("undo", _undo, WHY),
    voting.RejectForm: FormOpened("reject", _reject, {"note": "not now"}),
    batches.UndoBatchForm: FormOpened("undo a batch", _undo_batch, WHY),
    undoing.UndoRuleForm: FormOpened("undo a rule", _undo_rule, WHY),
    fields.Form: FormOpened("change a rule", _rule, {"name": "Here again"}),
    privacy.EraseForm: FormOpened("erase", _erase, {"word": "ERASE"}),
}
"""By their class; a test wants each form of the bot to be here."""
