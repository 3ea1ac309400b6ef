"""A member's copy of what is kept about them, as JSON and as text."""

import dataclasses
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from points_core import policy
from points_core.links import Account
from points_core.privacy.copies import Asked, Badge, Copy, Movement
from points_core.privacy.noticed import Granted
from points_core.values import one_line

FORMAT, VERSION = "points-bot: one member's data", 1


def document(found: Copy) -> dict[str, Any]:
    """Return the copy as JSON values: ids as strings, times in ISO 8601 and UTC."""
    return {"format": FORMAT, "version": VERSION, **_plain(found)}


def text(tx: Connection, found: Copy) -> str:
    """Return the copy as text for people, with times in the community's zone."""
    zone = policy.of(tx, found.community).zone
    return "\n".join(_lines(found, zone)) + "\n"


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def _lines(found: Copy, zone: ZoneInfo) -> Iterator[str]:
    def at(moment: datetime) -> str:
        return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"

    yield f"What is kept about you in {found.community}, on {at(found.made_at)} ({zone.key})"
    yield ""
    yield f"Id: {found.user_id}"
    yield f"Name: {one_line(found.name) or '(none)'}"
    yield f"Known since: {at(found.known_since)}"
    yield f"On boards: {'hidden' if found.hidden else 'shown'}"
    since = (
        f"no notice of you since {at(found.untracked_since)}" if found.untracked_since else "notice of you"
    )
    yield f"Rules take: {since}"
    if found.erasure:
        yield f"To be erased: {at(found.erasure.due_at)} (asked {at(found.erasure.asked_at)})"
    place = f", rank {found.rank}" if found.rank else ""
    yield f"Points: {found.current} (earned {found.earned}, spent {found.spent}){place}"
    for name, points in found.categories:
        yield f"  {name}: {points}"
    if found.level:
        yield f"Level: {found.level}"
    if found.link:
        yield f"Linked Roles: {_linked(found.link, at)}"
    yield from _section("Your points", [_moved(m, at, f"by {m.who}") for m in found.received])
    yield from _section(
        "Points you gave, took or took back", [_moved(m, at, f"for {m.who}") for m in found.given]
    )
    yield from _section("Approval requests for you or by you", [_request(r, at) for r in found.requests])
    votes = [f"request {v.request}: {'yes' if v.approve else 'no'}, {at(v.at)}" for v in found.votes]
    yield from _section("Your votes", votes)
    yield from _section("Your badges", [_badge(badge, at) for badge in found.badges])
    roles = [
        f"{r.role} for {r.source}: {'to have' if r.wanted else 'no longer'}, {r.state}, {at(r.changed_at)}"
        for r in found.roles
    ]
    yield from _section("Roles for what you achieved", roles)
    yield from _section("Days that count for streaks", [day.isoformat() for day in found.days])
    seen = [
        f"{at(n.at)} {n.what}{'' if n.yours else ' of somebody else, because of you'}"
        f"{f' in channel {n.channel}' if n.channel else ''}"
        for n in found.noticed
    ]
    yield from _section("What rules noticed, kept for 90 days", seen)
    yield from _section("What rules gave", [_granted(grant, at) for grant in found.rules])
    changes = [f"{c.number}. {at(c.at)} {c.action} {c.target}" for c in found.changes]
    yield from _section("Changes you made", changes)


def _linked(link: Account, at: Callable[[datetime], str]) -> str:
    since = f"linked {at(link.linked_at)}"
    if link.lost_at:
        return f"{since}, broke off {at(link.lost_at)}: {link.why}"
    if link.ended_at:
        return f"{since}, ended {at(link.ended_at)}; Discord is still to be told"
    if link.shown_at and link.shown_points is not None:
        since += (
            f"; Discord was told {link.shown_points} points, level {link.shown_level}, {at(link.shown_at)}"
        )
    return since + (f"; {link.why}" if link.why else "")


def _section(title: str, lines: list[str]) -> Iterator[str]:
    yield ""
    yield f"{title} ({len(lines)})"
    yield from (f"  {line}" for line in lines)


def _moved(movement: Movement, at: Callable[[datetime], str], who: str) -> str:
    balance = "" if movement.balance is None else f" → {movement.balance}"
    parts = [
        f"#{movement.number} {at(movement.effective_at)} {movement.kind} {movement.amount:+}{balance} {who}"
    ]
    parts += [f"[{movement.category}]"] if movement.category else []
    parts += [one_line(written) for written in (movement.reason, movement.evidence) if written]
    return " ".join(parts)


def _badge(badge: Badge, at: Callable[[datetime], str]) -> str:
    lost = f", taken back {at(badge.revoked_at)}: {badge.revoked_because}" if badge.revoked_at else ""
    return f"{badge.name}, step {badge.step}, {at(badge.earned_at)}{lost}"


def _granted(grant: Granted, at: Callable[[datetime], str]) -> str:
    what = (
        "would have given" if grant.shadow else "gave" if grant.standing else "gave, and it was taken back,"
    )
    return f"{at(grant.at)} rule {grant.rule} {what} {grant.points}"


def _request(asked: Asked, at: Callable[[datetime], str]) -> str:
    parts = [
        f"{asked.number}. {at(asked.opened_at)} {asked.kind} {asked.amount:+} for {asked.whose} by {asked.by}, "
        f"{asked.state}"
    ]
    parts += [one_line(written) for written in (asked.reason, asked.evidence, asked.note) if written]
    return " ".join(parts)
