"""What is said when points move, wait for approval, look repeated, or are taken back."""

import unicodedata

import discord

from bot.messages import text
from bot.messages.text import Colour, Reply
from points_core.errors import LooksRepeated
from points_core.policy import Policy
from points_core.values import MAX_CATEGORY_NAME, Actor, ActorKind, Kind, Receipt, Request

ROUND_AMOUNTS = (1, 2, 3, 5, 10, 15, 20, 25, 50, 100, 200, 250, 500, 1_000, 2_500, 5_000, 10_000)
MAX_SHOWN_NAME = 32  # characters of a Discord name
ISOLATE, END_ISOLATE = "\u2068", "\u2069"
MAX_CHOICE = 100  # characters of one line that Discord's forms offer

_NOBODY = {
    ActorKind.RULE: "a rule",
    ActorKind.CLIENT: "a program",
    ActorKind.OPERATOR: "the host",
    ActorKind.SYSTEM: "the passing of time",
}

_HEADLINES = {
    Kind.AWARD: "{member} received {change} from {by}",
    Kind.DEDUCTION: "{member} had **{count}** deducted by {by}",
    Kind.REDEMPTION: "{member} spent **{count}**",
    Kind.TRANSFER: "{member}: {change}, transferred",
    Kind.REVERSAL: "#{reverses} is taken back by {by}: {change} for {member}",
    Kind.EXPIRY: "{member} had **{count}** expire",
    Kind.IMPORT: "{member} brought along {change}",
}


def moved(receipt: Receipt) -> Reply:
    """Return the public announcement of a movement; it pings the member and nobody else."""
    return Reply(
        content=_HEADLINES[receipt.kind].format(
            member=text.who(receipt.user_id, receipt.name),
            change=change(receipt.amount),
            count=text.points(abs(receipt.amount)),
            by=by(receipt.actor),
            reverses=receipt.reverses,
        ),
        embed=_card(receipt),
        allowed_mentions=pinging(receipt.user_id),
    )


def change(amount: int) -> str:
    """Return a signed amount with its unit, in bold: "**+10 points**"."""
    return f"**{text.signed(amount)} {'point' if abs(amount) == 1 else 'points'}**"


def pinging(*user_ids: str | None) -> discord.AllowedMentions:
    """Return the permission to ping the members with these Discord ids, and nobody else."""
    users = [discord.Object(int(id_)) for id_ in user_ids if id_ and id_.isascii() and id_.isdigit()]
    return discord.AllowedMentions(everyone=False, roles=False, replied_user=False, users=users)


def _card(receipt: Receipt) -> discord.Embed:
    embed = discord.Embed(
        title=f"#{receipt.number}",
        description=text.shown(receipt.reason),
        colour=_colour(receipt),
        timestamp=receipt.effective_at,
    )
    embed.add_field(name="Balance", value=f"{number(receipt.before)} → **{number(receipt.after)}**")
    if receipt.category:
        embed.add_field(name="Category", value=text.category(receipt.category))
    if receipt.evidence:
        embed.add_field(name="Evidence", value=receipt.evidence, inline=False)
    if receipt.season:
        embed.add_field(name="Sealed season", value=_sealed(receipt.season), inline=False)
    return embed


def _sealed(season: str) -> str:
    name = inline(season, MAX_CATEGORY_NAME)
    return f"This is dated into **{name}**. Its sealed result stays; only its corrected view changes."


def by(actor: Actor) -> str:
    """Return who moved points, by name as embeds show it best, or in words what did."""
    return _NOBODY.get(actor.kind) or name_of(actor.user_id, actor.name)


def name_of(user_id: str | None, name: str | None) -> str:
    """Return somebody's name for an embed, where a mention of someone not met, or gone, is a bare number."""
    return inline(name, MAX_SHOWN_NAME) if name else text.who(user_id)


def inline(words: str | None, limit: int) -> str:
    """Return people's words for the middle of a line: they may run from right to left, the line does not."""
    line = text.shown(words, limit)
    right_to_left = any(unicodedata.bidirectional(character) in {"R", "AL", "AN"} for character in line)
    return f"{ISOLATE}{line}{END_ISOLATE}" if right_to_left else line


def number(amount: int) -> str:
    """Return `amount` with separators and a true minus sign."""
    return f"{amount:,}".replace("-", text.MINUS)


def _colour(receipt: Receipt) -> Colour:
    if receipt.kind is Kind.REVERSAL:
        return Colour.GREY
    return Colour.GREEN if receipt.amount > 0 else Colour.RED


def taken_back(announcement: discord.Embed, by: int) -> discord.Embed:
    """Return the embed of a movement's announcement once transaction `by` has taken the movement back."""
    embed = announcement.copy()
    embed.colour = discord.Colour(Colour.GREY)
    return embed.set_footer(text=f"Taken back by #{by}")


def waits(request: Request, rules: Policy, guild_id: int | None) -> Reply:
    """Return the private answer to someone whose movement waits for other moderators."""
    others = "another moderator" if request.quorum == 1 else f"{request.quorum} other moderators"
    lines = [
        f"{change(request.amount)} for {text.who(request.user_id)} "
        f"{'waits' if abs(request.amount) == 1 else 'wait'} for {others}: **request #{request.number}**.",
        f"{_where(request, rules, guild_id)} It expires {text.when(request.expires_at)}.",
    ]
    return Reply(content="\n".join(lines), ephemeral=True)


def _where(request: Request, rules: Policy, guild_id: int | None) -> str:
    if request.card and guild_id:
        channel_id, message_id = request.card
        return (
            f"[Its card](https://discord.com/channels/{guild_id}/{channel_id}/{message_id}) shows who agrees."
        )
    channel = rules.approvals_channel or request.place
    return f"Its card appears in <#{channel}>." if channel else "`/pending` shows it."


def repeated(refusal: LooksRepeated, kind: Kind) -> Reply:
    """Return the private question to someone who asked for the same movement a moment ago."""
    noun = "deduction" if kind is Kind.DEDUCTION else "award"
    state = (
        f"request #{refusal.number}, which waits for approval" if refusal.pending else f"#{refusal.number}"
    )
    return Reply(
        content=(
            f"You asked for exactly this {noun} {text.when(refusal.at)}: {state}. "
            "It was not made a second time. If you mean another one, press the button."
        ),
        ephemeral=True,
    )


def done_before(outcome: Receipt | Request) -> Reply:
    """Return the private answer to someone who pressed a button a second time."""
    noun = "request " if isinstance(outcome, Request) else ""
    return Reply(content=f"That is done already: {noun}#{outcome.number}.", ephemeral=True)


def no_bots(user_id: int) -> Reply:
    """Return the private answer to someone who meant to move a bot's points."""
    return Reply(content=f"<@{user_id}> is a bot, and bots keep no points. Choose a person.", ephemeral=True)


def suggestion(amount: int, rules: Policy) -> str:
    """Return the line that offers `amount` in a form; it says which amounts wait for approval."""
    if rules.approval_threshold is not None and amount > rules.approval_threshold:
        return f"{text.points(amount)} · waits for approval"
    return text.points(amount)


def entry(receipt: Receipt) -> str:
    """Return one transaction as a choice of at most 100 characters, without markdown."""
    line = f"#{receipt.number} · {text.signed(receipt.amount)} · {text.shown(receipt.reason, 60)}"
    return line if len(line) <= MAX_CHOICE else line[: MAX_CHOICE - 1] + "…"


def suggested_amounts(typed: str, rules: Policy) -> list[int]:
    """Return the amounts a form offers to someone who has typed `typed`: that number first, then round ones."""
    allowed = range(rules.min_award, rules.max_award + 1)
    own = [int(typed)] if typed.isascii() and typed.isdigit() and len(typed) < 14 else []
    offered = own + [amount for amount in ROUND_AMOUNTS if str(amount).startswith(typed)]
    return list(dict.fromkeys(amount for amount in offered if amount in allowed))


def limits(rules: Policy) -> str:
    """Return what amounts a form takes."""
    line = f"From {rules.min_award:,} to {rules.max_award:,}"
    threshold = rules.approval_threshold
    if threshold is None or threshold >= rules.max_award:
        return f"{line}."
    return f"{line}; more than {threshold:,} waits for approval."
