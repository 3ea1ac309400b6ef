"""One community's points kept in plain lists and summed up afresh each time: slow, obvious, to compare with.

Every method has the name and the keywords of the operation it stands for, and answers or refuses alike.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from points_core.errors import (
    AlreadyReversed,
    AlreadyVoted,
    DuplicateTransaction,
    InsufficientBalance,
    InvalidAmount,
    LimitExceeded,
    LooksRepeated,
    NotAllowed,
    NotReversible,
    OwnRequest,
    RequestClosed,
    SelfAward,
    UnknownRequest,
    UnknownTransaction,
)
from points_core.history import Balance, PendingPoints
from points_core.leaderboard import Standing
from points_core.values import Actor, ActorKind, Kind, Origin, Receipt, Request, RequestState, Vote
from points_core.windows import WindowName
from tests.core.plain_policy import PlainPolicy

CALENDAR: dict[WindowName, Callable[[date], object]] = {
    WindowName.ALL: lambda day: None,
    WindowName.YEAR: lambda day: day.year,
    WindowName.QUARTER: lambda day: (day.year, (day.month + 2) // 3),
    WindowName.MONTH: lambda day: (day.year, day.month),
    WindowName.WEEK: lambda day: day.isocalendar()[:2],
    WindowName.TODAY: lambda day: day,
}
"""What two days have in common when they lie in the same window."""


@dataclass(frozen=True)
class Asked:
    """All that a key stands for; `amount` signed, `category` its number."""

    kind: Kind
    user_id: str
    amount: int
    category: int | None
    reason: str
    evidence: str | None = None
    effective_at: datetime | None = None
    reverses: int | None = None


@dataclass
class Moved:
    """A transaction."""

    number: int
    asked: Asked
    actor: Actor
    before: int
    effective_at: datetime
    recorded_at: datetime
    request: int | None


@dataclass
class PlainBooks(PlainPolicy):
    """One community."""

    moved: list[Moved] = field(default_factory=list)
    requests: list[tuple[str, Asked, Request]] = field(default_factory=list)
    keys: dict[str, Asked] = field(default_factory=dict)
    votes: dict[tuple[int, str | None], str] = field(default_factory=dict)

    # ── points ──

    def request(
        self,
        origin: Origin,
        *,
        kind: Kind,
        user_id: str,
        amount: int,
        reason: str,
        category: str | None = None,
        evidence: str | None = None,
        effective_at: datetime | None = None,
        again: bool = False,
    ) -> Receipt | Request:
        heading = self._category(category)
        signed = amount if kind is Kind.AWARD else -amount
        asked = Asked(kind, user_id, signed, heading.id if heading else None, reason, evidence, effective_at)
        if origin.key in self.keys:
            return self._first_answer(origin.key, asked)
        if heading and heading.retired:
            self._unknown_category(category)
        if not self.rules.min_award <= amount <= self.rules.max_award:
            raise InvalidAmount(amount, self.rules.min_award, self.rules.max_award)
        self._check_giver(origin, asked, again)
        threshold = self.rules.approval_threshold
        if threshold is not None and amount > threshold:
            self._check_balance(asked)
            return self._open(origin, asked)
        self._check_limit(origin, asked)
        self.keys[origin.key] = asked
        try:
            return self._move(asked, origin.actor, origin.at)
        except InsufficientBalance:
            del self.keys[origin.key]
            raise

    def reverse(self, origin: Origin, number: int, *, reason: str, own_only: bool = False) -> Receipt:
        if number < 1:
            raise UnknownTransaction(number)
        original = self._moved(number)
        if own_only and (original.request or original.actor.user_id != origin.actor.user_id):
            raise NotAllowed("undo")
        if original.asked.kind is Kind.DEDUCTION and origin.actor == Actor.member(original.asked.user_id):
            raise SelfAward(original.asked.user_id)
        if any(key == origin.key for key, _, _ in self.requests):
            raise DuplicateTransaction(origin.key)
        was = original.asked
        asked = Asked(Kind.REVERSAL, was.user_id, -was.amount, was.category, reason, reverses=original.number)
        if origin.key in self.keys:
            answer = self._first_answer(origin.key, asked)
            assert isinstance(answer, Receipt)
            return answer
        if was.kind is Kind.REVERSAL:
            raise NotReversible(number)
        if (by := self._taken_back_by(number)) is not None:
            raise AlreadyReversed(number, by)
        receipt = self._move(asked, origin.actor, origin.at, effective_at=original.effective_at)
        self.keys[origin.key] = asked
        return receipt

    def _move(
        self,
        asked: Asked,
        actor: Actor,
        at: datetime,
        *,
        effective_at: datetime | None = None,
        request: int | None = None,
    ) -> Receipt:
        before = self._check_balance(asked)
        recorded_at = max([at, *(m.recorded_at for m in self.moved)])
        moment = effective_at or asked.effective_at or at
        number = len(self.moved) + 1
        self.moved.append(Moved(number, asked, actor, before, moment, recorded_at, request))
        return self._receipt(number)

    def _check_balance(self, asked: Asked) -> int:
        before = sum(m.asked.amount for m in self.moved if m.asked.user_id == asked.user_id)
        if asked.amount < 0 and before + asked.amount < 0 and not self.rules.allow_negative:
            raise InsufficientBalance(before, -asked.amount, 0)
        return before

    def _receipt(self, number: int) -> Receipt:
        moved = self.moved[number - 1]
        return Receipt(
            number=number,
            kind=moved.asked.kind,
            user_id=moved.asked.user_id,
            name=None,
            amount=moved.asked.amount,
            before=moved.before,
            after=moved.before + moved.asked.amount,
            category=self._name(moved.asked.category),
            reason=moved.asked.reason,
            evidence=moved.asked.evidence,
            actor=moved.actor,
            effective_at=moved.effective_at,
            recorded_at=moved.recorded_at,
            reverses=moved.asked.reverses,
            request=moved.request,
        )

    def _first_answer(self, key: str, asked: Asked) -> Receipt | Request:
        if self.keys[key] != asked:
            raise DuplicateTransaction(key)
        for number, (known, _, _) in enumerate(self.requests, 1):
            if known == key:
                return replace(self.get(number), replayed=True)
        number = next(m.number for m in self.moved if m.asked is self.keys[key])
        return replace(self._receipt(number), replayed=True)

    def _moved(self, number: int) -> Moved:
        if not 1 <= number <= len(self.moved):
            raise UnknownTransaction(number)
        return self.moved[number - 1]

    def _taken_back_by(self, number: int) -> int | None:
        return next((m.number for m in self.moved if m.asked.reverses == number), None)

    # ── limits ──

    def _check_giver(self, origin: Origin, asked: Asked, again: bool) -> None:
        if origin.actor.kind is not ActorKind.MEMBER:
            return
        if asked.kind is Kind.AWARD and origin.actor.user_id == asked.user_id:
            raise SelfAward(asked.user_id)
        a_minute = timedelta(minutes=1)
        done = [
            (m.number, m.effective_at, False)
            for m in self.moved
            if replace(m.asked, effective_at=None) == replace(asked, effective_at=None)
            and (
                m.actor == origin.actor
                and abs(m.effective_at - origin.at) < a_minute
                and m.recorded_at > origin.at - a_minute
            )
            and self._taken_back_by(m.number) is None
        ]
        waiting = [
            (r.number, r.opened_at, True)
            for _, a, r in self.requests
            if replace(a, effective_at=None) == replace(asked, effective_at=None)
            and (r.requester == origin.actor and abs(r.opened_at - origin.at) < a_minute)
            and r.state is RequestState.PENDING
        ]
        if (done or waiting) and not again:
            raise LooksRepeated(*[*done, *waiting][-1])

    def _check_limit(self, origin: Origin, asked: Asked) -> None:
        limit, giver = self.rules.daily_limit, origin.actor
        if limit is None or asked.kind is not Kind.AWARD or giver.kind is not ActorKind.MEMBER:
            return
        zone = ZoneInfo(self.rules.timezone)
        today = origin.at.astimezone(zone).date()
        used = sum(
            m.asked.amount
            for m in self.moved
            if (m.actor == giver and m.asked.kind is Kind.AWARD and m.request is None)
            and m.effective_at.astimezone(zone).date() == today <= m.recorded_at.astimezone(zone).date()
            and self._taken_back_by(m.number) is None
        )
        if used + asked.amount > limit:
            tomorrow = datetime.combine(today + timedelta(days=1), time(), zone).astimezone(UTC)
            raise LimitExceeded(limit, used, asked.amount, tomorrow)

    # ── points that wait ──

    def _open(self, origin: Origin, asked: Asked) -> Request:
        self.keys[origin.key] = asked
        opened = Request(
            number=len(self.requests) + 1,
            state=RequestState.PENDING,
            kind=asked.kind,
            user_id=asked.user_id,
            name=None,
            amount=asked.amount,
            category=None,
            reason=asked.reason,
            evidence=asked.evidence,
            requester=origin.actor,
            quorum=self.rules.quorum,
            opened_at=origin.at,
            expires_at=origin.at + timedelta(hours=self.rules.request_hours),
            decided_at=None,
            transaction=None,
            place=origin.place,
            card=None,
        )
        self.requests.append((origin.key, asked, opened))
        return self.get(opened.number)

    def get(self, number: int) -> Request:
        if not 1 <= number <= len(self.requests):
            raise UnknownRequest(number)
        _, asked, request = self.requests[number - 1]
        return replace(request, category=self._name(asked.category))

    def vote(self, origin: Origin, number: int, *, approve: bool, note: str | None = None) -> Request:
        request, voter = self.get(number), origin.actor.user_id
        mine = next((v for v in request.votes if v.user_id == voter), None)
        if mine and mine.approve is approve and self.votes[number, voter] == origin.key:
            return replace(request, replayed=True)
        if mine and request.state is RequestState.PENDING:
            raise AlreadyVoted(number, mine.approve)
        if request.state is not RequestState.PENDING:
            raise RequestClosed(number, request.state.value)
        if request.expires_at <= origin.at:
            raise RequestClosed(number, "expired")
        if voter in (request.user_id, request.requester.user_id):
            raise OwnRequest(number)
        votes = (*request.votes, Vote(voter, None, approve, origin.at))
        counted = self._counted(replace(request, votes=votes), origin, note)
        self.votes[number, voter] = origin.key
        return self._keep(counted)

    def _counted(self, request: Request, origin: Origin, note: str | None) -> Request:
        decided_at = max(vote.at for vote in request.votes)
        if not request.votes[-1].approve:
            return replace(request, state=RequestState.REJECTED, decided_at=decided_at, note=note)
        if request.approvals < request.quorum:
            return request
        _, asked, _ = self.requests[request.number - 1]
        receipt = self._move(asked, request.requester, origin.at, request=request.number)
        return replace(
            request, state=RequestState.APPROVED, decided_at=decided_at, transaction=receipt.number
        )

    def cancel(self, origin: Origin, number: int, *, any_request: bool = False) -> Request:
        request = self.get(number)
        if not any_request and request.requester.user_id != origin.actor.user_id:
            raise NotAllowed("undo")
        if request.state is RequestState.CANCELLED:
            return replace(request, replayed=True)
        if request.state is not RequestState.PENDING:
            raise RequestClosed(number, request.state.value)
        return self._close(request, RequestState.CANCELLED, origin.at)

    def expire_due(self, now: datetime) -> list[int]:
        due = [r for r in self.pending() if r.expires_at <= now]
        return [self._close(r, RequestState.EXPIRED, now).number for r in due]

    def pending(self) -> list[Request]:
        every = [self.get(number) for number in range(1, len(self.requests) + 1)]
        return [request for request in every if request.state is RequestState.PENDING]

    def _close(self, request: Request, state: RequestState, at: datetime) -> Request:
        decided_at = max([at, *(vote.at for vote in request.votes)])
        return self._keep(replace(request, state=state, decided_at=decided_at))

    def _keep(self, request: Request) -> Request:
        key, asked, _ = self.requests[request.number - 1]
        self.requests[request.number - 1] = key, asked, request
        return request

    # ── what people see ──

    def board(self, window: WindowName, now: datetime, category: str | None = None) -> list[Standing]:
        """Return the whole board, best first."""
        heading, zone, sums = self._category(category), ZoneInfo(self.rules.timezone), dict[str, int]()
        reached: dict[str, int] = {}
        same = CALENDAR[window]
        for moved in self.moved:
            in_window = same(moved.effective_at.astimezone(zone).date()) == same(now.astimezone(zone).date())
            if in_window and (heading is None or moved.asked.category == heading.id):
                user_id = moved.asked.user_id
                sums[user_id] = sums.get(user_id, 0) + moved.asked.amount
                reached[user_id] = moved.number
        order = sorted(sums, key=lambda user_id: (-sums[user_id], reached[user_id]))
        return [
            Standing(1 + sum(other > sums[user_id] for other in sums.values()), user_id, None, sums[user_id])
            for user_id in order
            if sums[user_id] > 0
        ]

    def balance(self, user_id: str) -> Balance:
        """Return the member's balance with the latest five transactions."""
        mine = [m for m in self.moved if m.asked.user_id == user_id]
        taken = [self.moved[(m.asked.reverses or m.number) - 1].asked.amount < 0 for m in mine]
        board = self.board(WindowName.ALL, datetime.now(UTC))
        sums = [
            (c.name, sum(m.asked.amount for m in mine if m.asked.category == c.id)) for c in self.categories
        ]
        return Balance(
            user_id,
            None,
            current=sum(m.asked.amount for m in mine),
            earned=sum(m.asked.amount for m, spent in zip(mine, taken, strict=True) if not spent),
            spent=-sum(m.asked.amount for m, spent in zip(mine, taken, strict=True) if spent),
            rank=next((line.rank for line in board if line.user_id == user_id), None),
            members=len(board),
            categories=tuple((name, points) for name, points in sums if points),
            recent=tuple(self._receipt(m.number) for m in reversed(mine[-5:])),
            pending=tuple(
                PendingPoints(r.number, r.kind, r.amount, r.reason, r.expires_at)
                for r in self.pending()
                if r.user_id == user_id
            ),
        )
