"""What is said of levels reached, badges earned and lost, and roles that could not be given."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import discord

from bot.granting import GONE
from bot.messages import boards, text
from bot.messages.movements import inline, pinging
from bot.messages.text import Colour, Post, Reply
from points_core.achievements import BadgeTold, LevelTold, News
from points_core.achievements.roles import Failing
from points_core.programme import MAX_LEVEL_NAME

__all__ = ["Again", "Post", "announcement", "failures", "tried"]

Again = Callable[..., Any]

MAX_BADGE_NAME = 50
MAX_CONTENT: Final = 2_000  # Discord's measure for a message's text
MAX_PINGED: Final = 100  # Discord's measure for one message
NAMED: Final = 10  # people in one sentence: of more, one fewer is named and the others counted


def announcement(news: News) -> Post | None:
    """Return one message that tells all the news; it pings those whom it names, and nobody else. None for none."""
    groups = list(_groups(news))
    if not groups:
        return None
    named = list(dict.fromkeys(person for group in groups for person in group.people[: group.named]))
    lines = [f"{group.before}{_people(group)} {group.after}" for group in groups]
    return Post(content=boards.joined(lines, MAX_CONTENT), allowed_mentions=pinging(*named[:MAX_PINGED]))


@dataclass(frozen=True, slots=True)
class _Group:
    """People of whom the same is said: `before` their names and `after` them; of one and of several."""

    people: tuple[str | None, ...]
    shown: tuple[str, ...]
    before: str
    one: str
    many: str

    @property
    def named(self) -> int:
        """Return how many of them are named: all, unless they are too many to read."""
        return len(self.people) if len(self.people) <= NAMED else NAMED - 1

    @property
    def after(self) -> str:
        """Return what is said of them."""
        return self.one if len(self.people) == 1 else self.many


def _people(group: _Group) -> str:
    names = list(group.shown[: group.named])
    if (others := len(group.people) - len(names)) > 0:
        names.append(f"{others:,} others")
    return listed(names)


def listed(names: Sequence[str]) -> str:
    """Return names as people list them: "a", "a and b", "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _groups(news: News) -> Iterator[_Group]:
    """Yield what is said of whom, the highest level first, losses last."""
    said: dict[tuple[str, str, str], list[LevelTold | BadgeTold]] = {}
    risen = sorted((told for told in news.levels if told.rose), key=lambda told: -told.number)
    for level in (*risen, *(told for told in news.levels if not told.rose)):
        said.setdefault(_of_level(level), []).append(level)
    for badge in news.earned:
        said.setdefault(_of_badge(badge), []).append(badge)
    for badge in news.revoked:
        said.setdefault(_of_loss(badge), []).append(badge)
    for (before, one, many), those in said.items():
        everybody = any(isinstance(told, BadgeTold) and told.everybody for told in those)
        yield _Group(
            people=(None,) if everybody else tuple(told.user_id for told in those),
            shown=("Everybody who took part",)
            if everybody
            else tuple(text.who(told.user_id, told.name) for told in those),
            before=before,
            one=many if everybody else one,
            many=many,
        )


def _of_level(told: LevelTold) -> tuple[str, str, str]:
    after = f"**{inline(told.after, MAX_LEVEL_NAME)}**" if told.after else "below the first level"
    return (
        ("🎉 ", f"is now {after}.", f"are now {after}.")
        if told.rose
        else ("", f"is {after} again.", f"are {after} again.")
    )


def _of_badge(told: BadgeTold) -> tuple[str, str, str]:
    words = f"earned the badge {_badge(told)}: {text.shown(told.goal, 150)}."
    return "🏅 ", words, words


def _of_loss(told: BadgeTold) -> tuple[str, str, str]:
    because = f": {text.shown(told.because, 150)}" if told.because else ""
    words = f"the badge {_badge(told)}{because}."
    return "", f"no longer has {words}", f"no longer have {words}"


def _badge(told: BadgeTold) -> str:
    step = f" {told.step} of {told.steps}" if told.steps > 1 else ""
    return f"**{inline(told.badge.name, MAX_BADGE_NAME)}**{step}"


def failures(found: Sequence[Failing]) -> Reply:
    """Return the roles that could not be given or taken, each with the fix."""
    if not found:
        return Reply(content="Every role is as it should be.", ephemeral=True)
    return Reply(embed=_listed(found), ephemeral=True)


def tried(count: int, left: Sequence[Failing]) -> Reply:
    """Return what came of trying `count` roles again."""
    words = f"Looked at {count:,} {'role' if count == 1 else 'roles'}."
    if not left:
        return Reply(content=f"{words} Every role is as it should be.", ephemeral=True)
    return Reply(content=words, embed=_listed(left), ephemeral=True)


def _listed(found: Sequence[Failing]) -> discord.Embed:
    embed = discord.Embed(title="Roles that could not be given or taken", colour=Colour.AMBER)
    to_be_fixed_first = sorted(found, key=lambda failing: failing.why == GONE)
    embed.description = boards.joined(map(_failing, to_be_fixed_first), boards.DESCRIPTION, "\n\n")
    embed.set_footer(text="Put it right, then use /roles retry.")
    return embed


def _failing(failing: Failing) -> str:
    what = "to" if failing.wanted else "from"
    names = [text.who(user_id) for user_id in failing.some]
    if (others := failing.members - len(names)) > 0:
        names.append(f"{others:,} {'other' if others == 1 else 'others'}")
    return f"<@&{failing.role}> {what} {listed(names)}\n→ {text.shown(failing.why, 200)}"
