"""Pages of the history: what a page shows, and the buttons that turn it for whoever asked, restarts or not."""

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

import discord
from discord import ui

from bot.messages import boards
from bot.messages.text import Reply
from bot.refusals import answered
from bot.replies import respond
from bot.worn import understood
from points_core import history, policy
from points_core.windows import midnight

if TYPE_CHECKING:
    from bot.client import PointsBot

LAST_INSTANT: Final = timedelta(microseconds=1)  # before midnight
PAGE: Final = 10  # transactions on one page, if their reasons leave room


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A page of the history: who turns it, what it is filtered by, and where it begins.

    Small enough to be written into a button's id, so that the buttons outlive restarts. `before` is the
    transaction the page begins after, None for the newest page. `category` is the category's number. `as_of`
    leaves out what was recorded after that day.
    """

    caller: int
    member: int | None = None
    giver: int | None = None
    category: int | None = None
    since: date | None = None
    until: date | None = None
    before: int | None = None
    as_of: date | None = None

    def written(self) -> str:
        """Return the turn as text of at most 82 characters."""
        days = (self.since, self.until, self.as_of)
        since, until, as_of = (day.toordinal() if day else None for day in days)
        numbers = (self.caller, self.member, self.giver, self.category, since, until, self.before, as_of)
        return ":".join("" if number is None else f"{number:x}" for number in numbers)

    @classmethod
    def read(cls, written: str) -> Self:
        """Return the turn that was `written`. Raises ValueError."""
        parts = [int(part, 16) if part else None for part in written.split(":")]
        caller, member, giver, category, since, until, before = parts[:7]
        as_of = parts[7] if len(parts) > 7 else None  # buttons of earlier versions end before it
        assert caller is not None
        return cls(
            caller=caller,
            member=member,
            giver=giver,
            category=category,
            since=date.fromordinal(since) if since else None,
            until=date.fromordinal(until) if until else None,
            before=before,
            as_of=date.fromordinal(as_of) if as_of else None,
        )


async def page_of(bot: "PointsBot", community: str, turn: Turn, title: str) -> Reply:
    """Return the page of the history that `turn` asks for."""
    rules = await bot.points.read(policy.of, community)
    category = rules.category_name(turn.category)
    page = await bot.points.look(
        history.page,
        community,
        user_id=_text(turn.member),
        actor=_text(turn.giver),
        category=category,
        since=midnight(turn.since, rules.zone) if turn.since else None,
        until=midnight(turn.until + timedelta(days=1), rules.zone) if turn.until else None,
        before=turn.before,
        as_of=midnight(turn.as_of + timedelta(days=1), rules.zone) - LAST_INSTANT if turn.as_of else None,
        limit=PAGE,
    )
    filters = boards.filters(
        category=category, since=turn.since, until=turn.until, as_of=turn.as_of, zone=rules.zone
    )
    embed, shown_here = boards.history(page.receipts, title, filters, of_one=turn.member is not None)
    all_shown = shown_here == len(page.receipts)
    older = page.older if all_shown else page.receipts[shown_here - 1].number
    return Reply(embed=embed, view=_turning(turn, older))


def _text(user_id: int | None) -> str | None:
    return None if user_id is None else str(user_id)


def _turning(turn: Turn, older: int | None) -> ui.View:
    """Return the row of buttons under a page: only those that lead somewhere."""
    view = ui.View(timeout=None)
    if turn.before is not None:
        view.add_item(TurnButton(replace(turn, before=None)))
    if older is not None:
        view.add_item(TurnButton(replace(turn, before=older)))
    return view


class TurnButton(
    ui.DynamicItem[ui.Button[Any]],
    template=r"points:history:(?P<turn>[0-9a-f]{1,16}(?::[0-9a-f]{0,16}){6,7})",
):
    """Under a page of the history: "Older", or "Newest" on any but the newest."""

    def __init__(self, turn: Turn) -> None:
        label = "Newest" if turn.before is None else "Older"
        super().__init__(ui.Button(label=label, custom_id=f"points:history:{turn.written()}"))
        self.turn = turn

    @classmethod
    @understood
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Return the button that was pressed."""
        return cls(Turn.read(match["turn"]))

    @answered
    async def callback(self, interaction: "discord.Interaction[PointsBot]") -> None:
        """Turn the page, for the one who asked for it."""
        if interaction.user.id != self.turn.caller:
            await respond(interaction, **boards.not_your_page())
            return
        assert interaction.message is not None
        title = interaction.message.embeds[0].title or ""
        page = await page_of(interaction.client, str(interaction.guild_id), self.turn, title)
        await interaction.response.edit_message(embed=page["embed"], view=page["view"])
