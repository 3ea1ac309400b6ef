"""Facts and rules to play with, and what Hypothesis draws of them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from sqlalchemy import Connection, select

from points_core.models import ActiveDay, RuleGrant
from points_core.rules.definition import (
    AccountAge,
    AllOf,
    AnyOf,
    BetweenHours,
    Condition,
    Definition,
    HasAttachment,
    HasRole,
    InChannels,
    IsReply,
    MembershipAge,
    MinimumLength,
    NoneOf,
    OnMessage,
    OnWeekdays,
    Rule,
    StreakAtLeast,
    TotalAtLeast,
)
from points_core.rules.facts import Fact, On
from points_core.values import Mode
from tests.core.conftest import ADA, NOON

WEDNESDAY = datetime(2026, 3, 18, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
CHANNELS, ROLES = ("11", "12", "13"), ("21", "22")


def check_in(day: int, user_id: str = ADA) -> Fact:
    """Return a check-in at noon, so many days after the first."""
    return Fact(
        on=On.CHECK_IN, key=f"check-in:{user_id}:{day}", at=NOON + timedelta(days=day), user_id=user_id
    )


def message(number: int = 1, /, **changes: Any) -> Fact:
    """Return a message of Ada's, one year here, five years on Discord."""
    given: dict[str, Any] = {
        "on": On.MESSAGE,
        "key": f"message:{number}",
        "at": WEDNESDAY,
        "user_id": "1001",
        "name": "Ada",
        "channel": "11",
        "joined_at": WEDNESDAY - timedelta(days=365),
        "account_created_at": WEDNESDAY - timedelta(days=5 * 365),
    }
    return Fact(**given | changes)


def definition(**changes: Any) -> Definition:
    """Return two points for a message, or what the changes make of it."""
    given: dict[str, Any] = {"trigger": OnMessage(), "amount": 2, "reason": "wrote"}
    return Definition(**given | changes)


def rule(number: int = 1, /, *, mode: Mode = Mode.LIVE, **changes: Any) -> Rule:
    """Return a live rule with such a definition."""
    return Rule(number, 1, f"rule {number}", mode, definition(**changes))


def facts() -> st.SearchStrategy[Fact]:
    """Draw messages that differ in whatever a condition can look at."""
    maybe = st.none() | st.integers(0, 40)
    return st.builds(
        message,
        st.integers(1, 10**6),
        at=st.integers(0, 14 * 86_400).map(lambda seconds: WEDNESDAY + timedelta(seconds=seconds)),
        user_id=st.sampled_from(["1001", "1002"]),
        channel=st.sampled_from([*CHANNELS, None]),
        parent=st.sampled_from([*CHANNELS, None]),
        group=st.sampled_from([*CHANNELS, None]),
        roles=st.frozensets(st.sampled_from(ROLES)),
        length=maybe,
        attachments=st.none() | st.integers(0, 2),
        reply=st.booleans(),
        joined_at=st.none() | st.just(WEDNESDAY - timedelta(days=20)),
    )


def conditions() -> st.SearchStrategy[Condition]:
    """Draw conditions, alone and in groups."""
    some = st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=2, unique=True)
    clock = st.sampled_from(["00:00", "06:30", "12:00", "22:15"])
    leaves: st.SearchStrategy[Condition] = (
        st.builds(InChannels, channels=some)
        | st.builds(HasRole, roles=st.lists(st.sampled_from(ROLES), min_size=1, max_size=2))
        | st.builds(MinimumLength, characters=st.integers(1, 40))
        | st.builds(MembershipAge, days=st.integers(1, 40))
        | st.builds(AccountAge, days=st.integers(1, 40))
        | st.builds(OnWeekdays, days=st.lists(st.integers(1, 7), min_size=1, max_size=3))
        | st.builds(BetweenHours, start=clock, end=clock)
        | st.builds(StreakAtLeast, length=st.integers(1, 9))
        | st.builds(TotalAtLeast, points=st.integers(1, 50), category_id=st.none() | st.just(3))
        | st.sampled_from([HasAttachment(), IsReply()])
    )
    return st.recursive(leaves, _groups, max_leaves=6)


def _groups(inside: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(inside, min_size=1, max_size=3)
    return st.builds(AllOf, of=several) | st.builds(AnyOf, of=several) | st.builds(NoneOf, of=several)


def grants(tx: Connection) -> list[dict[str, Any]]:
    """Return what rules gave, whole."""
    columns = [each for each in RuleGrant.__table__.columns if each.name != "community_id"]
    rows = tx.execute(select(*columns).order_by(RuleGrant.fact_key, RuleGrant.rule_number))
    return [dict(row._mapping) for row in rows]


def days(tx: Connection) -> list[int]:
    """Return the active days of everyone, as ordinals."""
    return list(tx.execute(select(ActiveDay.day)).scalars())
