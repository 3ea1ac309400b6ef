"""What somebody hears who checks in: that it counts, how long their streak is, what rules gave for it."""

from collections.abc import Iterator

from bot.messages import text
from bot.messages.programme import days, streak_line
from bot.messages.text import Reply
from points_core.rules import Fired, Outcome, Result
from points_core.streaks import Streak


def off() -> Reply:
    """Return that nobody can check in here."""
    return Reply(
        content="Check-ins are not switched on here. An admin can do that with `/programme check-ins`, "
        "or with a rule that gives something for them.",
        ephemeral=True,
    )


def checked_in(fired: Fired, *, private: bool) -> Reply:
    """Return what a check-in did."""
    said = (
        "✅ You are checked in for today." if fired.checked_in else "You were checked in for today already."
    )
    streaks = fired.streaks or {}
    lines = [said]
    if daily := streaks.get("day"):
        lines += _streak(daily)
    if (weekly := streaks.get("week")) and weekly.current > 1:
        lines.append(f"📅 {streak_line(weekly, 'week')}")
    lines += _given(fired)
    return Reply(content="\n".join(lines), ephemeral=private)


def _streak(streak: Streak) -> Iterator[str]:
    yield f"🔥 **{streak_line(streak)}**"
    if streak.frozen:
        yield f"❄️ {days(streak.frozen)} that you missed did not break it."
    if streak.freezes_left:
        yield f"❄️ {days(streak.freezes_left)} more of this month may be missed."


def _given(fired: Fired) -> Iterator[str]:
    for outcome in fired.outcomes:
        line = None if outcome.replayed else _outcome(outcome)
        if line is not None:
            yield line


def _outcome(outcome: Outcome) -> str | None:
    """Return what a rule did, None for what is nobody's business or was said before."""
    rule = f"**{text.shown(outcome.rule.name, 50)}**"
    match outcome.result:
        case Result.GIVEN if outcome.receipt is not None:
            receipt = outcome.receipt
            return (
                f"🎁 {rule}: **{text.points(receipt.amount)}** (#{receipt.number}), "
                f"{receipt.before:,} → {receipt.after:,}".replace("-", text.MINUS)
            )
        case Result.WAITING if outcome.request is not None:
            return f"⏳ {rule}: {text.points(outcome.amount)} wait for approval (request {outcome.request.number})."
        case Result.CAPPED | Result.COOLDOWN if outcome.until is not None:
            return f"{rule} gives nothing more until {text.when(outcome.until, 'f')}."
        case Result.REFUSED:
            return f"{rule} could not give its points; an admin can see why with `/why`."
        case _:
            return None
