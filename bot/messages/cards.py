"""Approval requests: the card moderators vote on, what became of it, and the list of those that wait."""

from collections.abc import Sequence

import discord

from bot.messages import movements, text
from bot.messages.boards import DESCRIPTION, FIELD, joined
from bot.messages.text import Colour, Post, Reply
from points_core.policy import Policy
from points_core.values import Kind, Receipt, Request, RequestState

YES, NO = "✅", "❌"

SHORT_REASON = 100  # characters of a reason in the list; the card has the whole one
SERVER_NAME = 100  # characters: as long as Discord lets one be

_COLOURS = {
    RequestState.PENDING: Colour.AMBER,
    RequestState.APPROVED: Colour.GREEN,
    RequestState.REJECTED: Colour.RED,
    RequestState.EXPIRED: Colour.GREY,
    RequestState.CANCELLED: Colour.GREY,
}

_NOUNS = {Kind.AWARD: "award", Kind.DEDUCTION: "deduction"}


def card(request: Request, rules: Policy) -> discord.Embed:
    """Return the card of a request as it stands now."""
    embed = discord.Embed(
        title=_title(request), description=text.shown(request.reason), colour=_COLOURS[request.state]
    )
    embed.add_field(name="For", value=text.who(request.user_id, request.name))
    embed.add_field(name="Points", value=movements.change(request.amount))
    embed.add_field(name="Category", value=text.category(request.category))
    embed.add_field(name="Asked by", value=_who_asked(request))
    embed.add_field(name="Agree", value=f"**{request.approvals}** of {request.quorum}")
    if request.state is RequestState.PENDING:
        embed.add_field(name="Expires", value=text.when(request.expires_at))
        embed.add_field(name="Why it waits", value=_why(request, rules), inline=False)
        embed.set_footer(text="The buttons and the reactions count alike. A vote stays as it was given.")
    else:
        embed.add_field(name="Decided", value=text.when(request.decided_at or request.expires_at))
        embed.add_field(name="Outcome", value=_outcome(request), inline=False)
    if request.votes:
        embed.add_field(name="Votes", value=_votes(request), inline=False)
    if request.evidence:
        embed.add_field(name="Evidence", value=request.evidence, inline=False)
    return embed


def _title(request: Request) -> str:
    noun = _NOUNS[request.kind]
    if request.state is RequestState.PENDING:
        return f"Request #{request.number} · {noun} waits for approval"
    return f"Request #{request.number} · {noun} {request.state.value}"


def _why(request: Request, rules: Policy) -> str:
    others = "another moderator agrees" if request.quorum == 1 else f"{request.quorum} other moderators agree"
    noun = _NOUNS[request.kind]
    threshold = rules.approval_threshold
    if threshold == 0:
        which = f"Every {noun} waits"
    elif threshold is not None and abs(request.amount) > threshold:
        which = f"More than {text.points(threshold)} wait"
    else:
        which = f"This {noun} waits"
    return f"{which} until {others}; one no rejects. Neither who asked nor who it is for can vote."


def _votes(request: Request) -> str:
    lines = (
        f"{YES if vote.approve else NO} {text.who(vote.user_id, vote.name)} {text.when(vote.at)}"
        for vote in request.votes
    )
    return joined(lines, FIELD)


def _outcome(request: Request) -> str:
    if request.state is RequestState.APPROVED:
        return f"Approved: transaction **#{request.transaction}**."
    if request.state is RequestState.REJECTED:
        against = next((vote for vote in request.votes if not vote.approve), None)
        who = f" by {text.who(against.user_id, against.name)}" if against else ""
        return f"Rejected{who}: {text.shown(request.note)}" if request.note else f"Rejected{who}."
    if request.state is RequestState.EXPIRED:
        return "Expired: too few moderators agreed in time. No points moved."
    return "Cancelled. No points moved."


# ── what is told when it is over ──


def approved(request: Request, receipt: Receipt) -> Post:
    """Return the announcement of an approved request's movement, for its requester and its member."""
    moved = movements.moved(receipt)
    voters = [text.who(vote.user_id, vote.name) for vote in request.votes if vote.approve]
    embed = moved["embed"].set_footer(text=marker(request))
    return Post(
        content=f"{moved['content']}\n{_asked(request)} was approved by {', '.join(voters)}.",
        embed=embed,
        allowed_mentions=_both(request),
    )


def closed(request: Request) -> Post:
    """Return what is told of a request that moved no points, to its requester and its member."""
    embed = discord.Embed(
        description=text.shown(request.reason), colour=_COLOURS[request.state], title=_title(request)
    )
    embed.add_field(name="Outcome", value=_outcome(request), inline=False)
    return Post(
        content=(
            f"{_asked(request)}, {movements.change(request.amount)} for {text.who(request.user_id, request.name)}, "
            f"is {request.state.value}."
        ),
        embed=embed.set_footer(text=marker(request)),
        allowed_mentions=_both(request),
    )


def in_private(news: Post, server: str) -> Post:
    """Return news of a request as its member reads them alone, where they cannot see it told.

    They say in which server that is, and have no buttons: those belong to moderators.
    """
    return Post(
        content=f"In {text.shown(server, SERVER_NAME)}: {news['content']}",
        embed=news["embed"],
        allowed_mentions=discord.AllowedMentions.none(),
    )


def marker(request: Request) -> str:
    """Return the line under the news of a request by which the bot recognises it."""
    return f"Request #{request.number} · {request.state.value}"


def _asked(request: Request) -> str:
    return f"Request #{request.number} by {_who_asked(request)}"


def _who_asked(request: Request) -> str:
    """Return a mention of who asked, or in words what did; a name alone would ring nobody."""
    asker = request.requester
    return text.who(asker.user_id) if asker.user_id else movements.by(asker)


def _both(request: Request) -> discord.AllowedMentions:
    ids = {id for id in (request.user_id, request.requester.user_id) if id and id.isascii() and id.isdigit()}
    return discord.AllowedMentions(
        everyone=False, roles=False, replied_user=False, users=[discord.Object(int(id)) for id in sorted(ids)]
    )


# ── what waits ──


def did_not_count(request: Request, why: str) -> str:
    """Return what somebody is told in private whose reaction on a card was no vote."""
    return f"Your reaction on request #{request.number} did not count. {why}"


def pending(requests: Sequence[Request], guild_id: int | None, *, more: bool) -> Reply:
    """Return the private list of requests that wait, each with the way to its card."""
    if not requests:
        return Reply(content="Nothing waits for approval.", ephemeral=True)
    embed = discord.Embed(
        title="Waiting for approval",
        description=joined((_entry(request, guild_id) for request in requests), DESCRIPTION),
        colour=Colour.AMBER,
    )
    if more:
        embed.set_footer(text=f"More wait: /pending after:{requests[-1].number}")
    return Reply(embed=embed, ephemeral=True)


def _entry(request: Request, guild_id: int | None) -> str:
    name = f"#{request.number}"
    link = f"[{name}]({jump(request, guild_id)})" if request.card else f"{name} (its card cannot be shown)"
    return (
        f"**{link}** {movements.change(request.amount)} for {text.who(request.user_id, request.name)} "
        f"by {_who_asked(request)} · {request.approvals} of {request.quorum} agree · "
        f"expires {text.when(request.expires_at)}\n\u2003{text.shown(request.reason, SHORT_REASON)}"
    )


def jump(request: Request, guild_id: int | None) -> str:
    """Return the address of a request's card."""
    assert request.card is not None
    return f"https://discord.com/channels/{guild_id}/{request.card[0]}/{request.card[1]}"
