"""Every refusal and fault has words, and they are harmless."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from bot.refusals import words
from points_core import errors
from points_core.errors import PointsError

NOW = datetime(2026, 1, 1, tzinfo=UTC)

SAID: list[tuple[PointsError, str]] = [
    (
        errors.InvalidAmount("1e3", 1, 1_000),
        "1e3 is not an amount I can use. Give a whole number from 1 to 1,000",
    ),
    (errors.InvalidAmount(-5, 1, 1_000), "-5 is not an amount"),
    (errors.InvalidAmount("@everyone **", 1, 5), "@\u200beveryone \\*\\* is not"),
    (errors.InvalidText("reason", 300), "The reason must have 1 to 300 characters"),
    (errors.InvalidText("evidence", 500), "one link that begins with https://"),
    (errors.InvalidTime("10"), "10 is no date I can use. Write it as 2026-01-31."),
    (
        errors.InvalidSetting("max_award", 0, "at least 1"),
        "0 cannot be the max award: it has to be at least 1.",
    ),
    (errors.InsufficientBalance(3, 10), "That takes 10 points; the balance is 3 points: take at most 3."),
    (
        errors.InsufficientBalance(0, 1),
        "That takes 1 point; the balance is 0 points: there is nothing to take.",
    ),
    (errors.BalanceOutOfRange(2**53, 1), "could no longer be counted exactly"),
    (errors.DuplicateTransaction("k"), "so I did nothing now"),
    (errors.LooksRepeated(1042, NOW), "<t:1767225600:R>: it is transaction #1,042"),
    (errors.LooksRepeated(7, NOW, pending=True), "it is request #7"),
    (errors.LimitExceeded(100, 90, 20, NOW), "award 100 points a day and have 10 left; this takes 20"),
    (errors.SelfAward("1"), "You cannot award points to yourself."),
    (errors.NotAllowed("undo"), "You cannot undo other people's transactions here."),
    (
        errors.UnknownCategory("*x*", ("events", "helping")),
        r"no category \*x\* here. There are: events, helping.",
    ),
    (errors.UnknownCategory("x", ()), "An admin can add one"),
    (errors.UnknownTransaction(9), "no transaction #9"),
    (errors.UnknownRequest(9), "no approval request #9"),
    (errors.UnknownRule(9), "There is no rule #9 here. `/rule list` shows them."),
    (errors.RuleRetired(9), "Rule #9 is retired, for good. Begin a new one with `/rule new`."),
    (errors.RuleMode(9, "live", "draft"), "A rule that is live cannot be made draft."),
    (errors.UnknownBadge(9), "no badge #9"),
    (errors.UnknownSchedule(9), "no schedule #9"),
    (errors.UnknownSeason("Summer", ("Spring",)), "no season Summer here. There are: Spring."),
    (errors.UnknownSeason("Summer", ()), "`/season start`"),
    (errors.UnknownClient(9), "no token #9"),
    (errors.UnknownWebhook(9), "no webhook #9"),
    (errors.UnknownDelivery(9), "no delivery #9"),
    (errors.UnknownMember("81384788765712384"), "I keep nothing about that person"),
    (errors.NoWish("81384788765712384"), "nothing to take back"),
    (errors.AlreadyReversed(9, 12), "#9 was already undone, by transaction #12"),
    (errors.NotReversible(12), "#12 is itself an undo"),
    (errors.RequestClosed(3, "approved"), "Request #3 is already approved"),
    (errors.OwnRequest(3), "another moderator has to decide"),
    (errors.AlreadyVoted(3, True), "You already voted for request #3"),
    (errors.AlreadyVoted(3, False), "You already voted against request #3"),
    (errors.BackupDamaged("/srv/backups/points.db", "secret"), "That backup is damaged"),
    (errors.BehindAnchor("town", 1030, 1042, "/srv/secret"), "before transaction #1,042"),
    (
        errors.BooksClosed("town", "balances equal the transactions"),
        "take nothing new until they are repaired",
    ),
    (errors.BackupFailed("/srv is full"), "could not make a backup first"),
    (errors.UnknownBatch(9), "no batch 9"),
    (errors.BatchUndone(3, 4), "Batch 3 was already undone, by batch 4"),
    (errors.BatchNotUndoable(4), "Batch 4 is itself the undo"),
    (
        errors.RowsRefused((errors.RowRefused(7, "1", errors.InsufficientBalance(3, 10)),), 20),
        "1 of 20 rows cannot be, so nothing was written:\n- row 7: That takes 10 points",
    ),
    (
        errors.RowsRefused((errors.RowRefused(7, "1", errors.UnknownTransaction(3)),) * 9, 9),
        "… and 5 more.",
    ),
    (errors.UnreadableFile("it is not UTF-8"), "I cannot use that file: it is not UTF-8. Nothing"),
    (errors.UnreadableFile("a *column* too many", 3), r"Row 3 of the file: a \*column\* too many."),
    (errors.ExportTooLarge(10_000_000, "bytes"), "more than 10,000,000 bytes"),
    (errors.DatabaseUnavailable("disk I/O error at /srv/x"), "I cannot reach my books right now"),
    (errors.LedgerCorrupt("hash of #5"), "run `points verify`"),
    (errors.SettingsInvalid("POINTS_QUORUM", "secret"), "I am set up wrongly (POINTS\\_QUORUM)"),
]


def leaves(kind: type[PointsError]) -> Iterator[type[PointsError]]:
    below = kind.__subclasses__()
    if not below:
        yield kind
    for one in below:
        yield from leaves(one)


@pytest.mark.parametrize("error, part", SAID)
def test_a_refusal_says_what_to_do_next(error: PointsError, part: str) -> None:
    assert part in words(error)


def test_every_refusal_and_fault_has_words() -> None:
    assert set(leaves(PointsError)) == {type(error) for error, _ in SAID}


@pytest.mark.parametrize("error, part", SAID)
def test_words_are_short_sentences_and_tell_no_secrets(error: PointsError, part: str) -> None:
    said = words(error)

    assert said.endswith((".", "`"))
    assert len(said) < 400
    assert "/srv" not in said
    assert "secret" not in said


def test_the_longest_texts_still_fit_into_a_message() -> None:
    long = "*" * 10_000
    errors_with_text = [
        errors.InvalidAmount(long, 1, 1),
        errors.InvalidTime(long),
        errors.InvalidSetting(long, long, long),
        errors.UnknownCategory(long, (long,) * 25),
    ]

    assert max(len(words(error)) for error in errors_with_text) <= 2_000
