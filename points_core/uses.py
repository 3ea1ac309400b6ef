"""What rules gave by local day and week: the sums that caps look at, kept in the commit of each grant.

Each standing grant counts in eight of them: of its rule and of all rules (0), to its member and to everyone
(0), in its day and in its week. Shadow grants are counted apart from live ones.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from points_core.models import RuleGrant, RuleUse
from points_core.statements import Upsert, upsertable
from points_core.windows import Span, first_day

EVERY: Final = 0
"""In place of a rule: all of them; in place of a member: everyone."""


class Use(NamedTuple):
    """One sum: by a rule to a member in the span that begins on the local day `start` (an ordinal)."""

    rule: int
    member: int
    shadow: bool
    span: int
    start: int


class Granted(NamedTuple):
    """What has to be known of a grant to count it; `at` decides its day and week."""

    rule_number: int
    member_id: int
    shadow: bool
    at: datetime
    amount: int


_COLUMNS = (
    RuleUse.rule_number,
    RuleUse.member_id,
    RuleUse.shadow,
    RuleUse.span,
    RuleUse.start,
)
_LOAD = select(*_COLUMNS, RuleUse.points).where(
    RuleUse.community_id == bindparam("community"),
    RuleUse.rule_number.in_(bindparam("rules", expanding=True)),
    RuleUse.member_id.in_(bindparam("members", expanding=True)),
    RuleUse.start.in_(bindparam("starts", expanding=True)),
)
_THIS = (
    (RuleUse.community_id == bindparam("u_community_id"))
    & (RuleUse.rule_number == bindparam("u_rule_number"))
    & (RuleUse.member_id == bindparam("u_member_id"))
    & (RuleUse.shadow == bindparam("u_shadow"))
    & (RuleUse.span == bindparam("u_span"))
    & (RuleUse.start == bindparam("u_start"))
)
_LESS = (
    update(RuleUse)
    .where(_THIS)
    .values(points=RuleUse.points - bindparam("u_points"), times=RuleUse.times - bindparam("u_times"))
)
_CLEAR = delete(RuleUse).where(_THIS, RuleUse.times == 0)


def of(grant: Granted, zone: ZoneInfo) -> Iterator[Use]:
    """Yield the sums that a grant counts in, its days those of `zone`."""
    day = grant.at.astimezone(zone).date()
    for rule in (grant.rule_number, EVERY):
        for member in (grant.member_id, EVERY):
            for span in (Span.DAY, Span.WEEK):
                yield Use(rule, member, grant.shadow, int(span), first_day(span, day).toordinal())


def summed(grants: Iterable[Granted], zone: ZoneInfo) -> dict[Use, tuple[int, int]]:
    """Return the points and the number of `grants` in each sum."""
    sums: dict[Use, tuple[int, int]] = {}
    for grant in grants:
        for use in of(grant, zone):
            points, times = sums.get(use, (0, 0))
            sums[use] = (points + grant.amount, times + 1)
    return sums


def load(tx: Connection, community_id: int, wanted: Iterable[Use]) -> dict[Use, int]:
    """Return the points in those of the `wanted` sums that are not 0."""
    uses = set(wanted)
    if not uses:
        return {}
    asked = {
        "community": community_id,
        "rules": sorted({use.rule for use in uses}),
        "members": sorted({use.member for use in uses}),
        "starts": sorted({use.start for use in uses}),
    }
    found = ((Use(*row[:5]), row.points) for row in tx.execute(_LOAD, asked))
    return {use: points for use, points in found if use in uses}


def add(tx: Connection, community_id: int, grants: Iterable[Granted], zone: ZoneInfo) -> None:
    """Count grants in."""
    rows = _rows(community_id, summed(grants, zone))
    if rows:
        tx.execute(_more(tx.dialect.name), rows)


def take(tx: Connection, community_id: int, grants: Iterable[Granted], zone: ZoneInfo) -> None:
    """Count grants out that were counted in."""
    rows = _rows(community_id, summed(grants, zone))
    if rows:
        there = [{f"u_{name}": value for name, value in row.items()} for row in rows]
        tx.execute(_LESS, there)
        keys = [{k: v for k, v in row.items() if k not in {"u_points", "u_times"}} for row in there]
        tx.execute(_CLEAR, keys)


def rebuild(tx: Connection, community_id: int, zone: ZoneInfo) -> None:
    """Write all of a community's sums anew from its grants, their days those of `zone`."""
    tx.execute(delete(RuleUse).where(RuleUse.community_id == community_id))
    rows = _rows(community_id, summed(standing(tx, community_id), zone))
    if rows:
        tx.execute(insert(RuleUse), rows)


def standing(tx: Connection, community_id: int) -> Iterator[Granted]:
    """Yield the community's standing grants."""
    grants = select(*_GRANTED).where(RuleGrant.community_id == community_id, RuleGrant.standing)
    for row in tx.execute(grants):
        yield Granted(*row)


def stored(tx: Connection, community_id: int) -> dict[Use, tuple[int, int]]:
    """Return the points and the number of grants in each sum as it is kept."""
    kept = select(*_COLUMNS, RuleUse.points, RuleUse.times).where(RuleUse.community_id == community_id)
    return {Use(*row[:5]): (row.points, row.times) for row in tx.execute(kept)}


def came_to_nothing(tx: Connection, community_id: int, request: int, zone: ZoneInfo) -> None:
    """Count out what waited in a rule's approval request that was not approved."""
    this = (RuleGrant.community_id == community_id, RuleGrant.request_number == request, RuleGrant.standing)
    grants = [Granted(*row) for row in tx.execute(select(*_GRANTED).where(*this))]
    if grants:
        tx.execute(update(RuleGrant).where(*this).values(standing=False))
        take(tx, community_id, grants, zone)


_GRANTED = (
    RuleGrant.rule_number,
    RuleGrant.member_id,
    RuleGrant.shadow,
    RuleGrant.at,
    RuleGrant.amount,
)


def _rows(community_id: int, sums: Mapping[Use, tuple[int, int]]) -> list[dict[str, object]]:
    return [
        {
            "community_id": community_id,
            "rule_number": use.rule,
            "member_id": use.member,
            "shadow": use.shadow,
            "span": use.span,
            "start": use.start,
            "points": points,
            "times": times,
        }
        for use, (points, times) in sorted(sums.items())
    ]


def _more(dialect: str) -> Upsert:
    rows = upsertable(dialect, RuleUse)
    return rows.on_conflict_do_update(
        index_elements=["community_id", "rule_number", "member_id", "shadow", "span", "start"],
        set_={
            "points": RuleUse.points + rows.excluded.points,
            "times": RuleUse.times + rows.excluded.times,
        },
    )
