"""Is this installation well? The database's version and settings, its guards, its file, its clock, its last verify."""

import asyncio
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import psycopg
from sqlalchemy import URL, Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from points_core import dumps, links, listening, migrations
from points_core.engines import is_pooled, study_engine
from points_core.errors import BackupFailed
from points_core.migrations import guards
from points_core.models import (
    Anchor,
    ApprovalRequest,
    AuditEvent,
    Erasure,
    LedgerHead,
    OutboxEntry,
    VerifiedMark,
)
from points_core.moments import SKEW
from points_core.policy import MAX_REQUEST_HOURS
from points_core.replica import END
from points_core.settings import Settings, database_file, sync_url
from points_core.values import RequestState
from points_core.verification import VERIFIED
from points_core.verification.record import closed

WAL_RESET_FIXES = ((3, 44, 6), (3, 50, 7), (3, 51, 3))
"""SQLite releases from which, in each line, a checkpoint racing with a write can no longer corrupt the file
(the WAL-reset bug, https://sqlite.org/wal.html)."""

STALE_VERIFY = timedelta(days=8)  # a week, and a day's grace
STALE_BACKUP = timedelta(days=2)
CLOCK_LEEWAY = timedelta(minutes=1)
LATE_ERASURE = timedelta(hours=3)  # a running bot erases within a minute, and rewrites within two hours
STUCK_EFFECT = timedelta(minutes=15)
FAR_BEHIND = 16 * 2**20  # bytes of the log, one segment: a replica that keeps up is never that far behind

_IDENTITY = text("SELECT system_identifier::text FROM pg_control_system()")
_BEHIND = text(
    "SELECT pg_is_in_recovery(), CAST(:end AS pg_lsn) - coalesce(pg_last_wal_replay_lsn(), '0/0'),"
    " extract(epoch FROM now() - pg_last_xact_replay_timestamp())"
)


class Health(StrEnum):
    """How something is: in order, worth a look, or wrong."""

    OK = "ok"
    WARN = "warn"
    ILL = "ill"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, how it is, and what was seen."""

    what: str
    health: Health
    detail: str


def _unless(right: bool, otherwise: Health = Health.ILL) -> Health:
    return Health.OK if right else otherwise


def examine(tx: Connection, now: datetime, *, quick: bool = False) -> list[Finding]:
    """Return what was found, in the order looked at; `quick` leaves out what reads the whole file.

    Of tables of another version only what every version has is looked at.
    """
    specific = _sqlite(tx, quick) if tx.dialect.name == "sqlite" else _postgresql(tx)
    revision = _revision(tx)
    if revision.health is Health.ILL:
        return [*specific, revision, *_file(tx)]
    return [
        *specific,
        revision,
        _guards(tx),
        *_file(tx),
        _clock(tx, now),
        _asked_ahead(tx, now),
        _effects(tx, now),
        _verified(tx, now),
        _open(tx),
        _backed_up(tx, now),
        _forgotten(tx, now),
        *_linked(tx, now),
    ]


def _sqlite(tx: Connection, quick: bool) -> Iterator[Finding]:
    version = tuple(
        int(part) for part in str(tx.execute(text("SELECT sqlite_version()")).scalar_one()).split(".")
    )
    words = ".".join(map(str, version))
    if has_wal_reset_fix(version):
        yield Finding("SQLite", Health.OK, words)
    else:
        fixed = ", ".join(".".join(map(str, fix)) for fix in WAL_RESET_FIXES)
        yield Finding("SQLite", Health.WARN, f"{words} can corrupt a WAL file under load; fixed in {fixed}")
    journal = str(tx.exec_driver_sql("PRAGMA journal_mode").scalar())  # as the file has it; readers set none
    yield Finding("PRAGMA journal_mode", _unless(journal == "wal"), journal)
    if not quick:
        damage = tx.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        yield Finding("the file's structure", _unless(damage == "ok"), str(damage))


def has_wal_reset_fix(version: tuple[int, ...]) -> bool:
    """Return whether an SQLite `version` has the fix, in its own line or a later one."""
    line = version[:2]
    if line > WAL_RESET_FIXES[-1][:2]:
        return True
    return any(line == fix[:2] and version >= fix for fix in WAL_RESET_FIXES)


def _postgresql(tx: Connection) -> Iterator[Finding]:
    yield Finding("PostgreSQL", Health.OK, str(tx.execute(text("SHOW server_version")).scalar_one()))
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        value = str(tx.execute(text(f"SHOW {name}")).scalar_one())
        yield Finding(name, _unless(value != "off"), value)
    yield _pg_dump(tx)


def connections(settings: Settings) -> list[Finding]:
    """Look at what stands beside the database: a pooler before it, a replica that follows it. Takes a second."""
    url = sync_url(settings.database_url)
    found = [_pooler(url)] if url.get_backend_name() == "postgresql" else []
    if settings.replica_url is not None:
        found.append(_replica(url, sync_url(settings.replica_url)))
    return found


def _pooler(url: URL) -> Finding:
    """Look whether notifications come through, which a pooler by the transaction does not let."""
    what, pooled = "the pooler", is_pooled(url)
    try:
        heard = asyncio.run(listening.hears(url))
    except (psycopg.Error, OSError) as error:
        return Finding(what, Health.ILL, " ".join(str(error).split()))
    if heard:
        words = "none said (?pooled=true), and none noticed"
        return Finding(
            what, Health.OK, "said (?pooled=true), notifications come through" if pooled else words
        )
    words = f"notifications do not come through; what is kept is read anew every {listening.DEAF_S:g} s"
    if pooled:
        return Finding(what, Health.OK, words)
    return Finding(
        what, Health.WARN, f"{words}; if a pooler lends connections, say ?pooled=true in the address"
    )


def _replica(primary: URL, replica: URL) -> Finding:
    """Look whether the replica follows, this primary, and how far it is behind."""
    what = "the replica"
    try:
        with study_engine(primary).connect() as here:
            ours, end = here.execute(_IDENTITY).scalar_one(), here.execute(END).scalar_one()
        with study_engine(replica).connect() as there:
            theirs = there.execute(_IDENTITY).scalar_one()
            follows, behind, seconds = there.execute(_BEHIND, {"end": end}).one()
    except DBAPIError as error:
        return Finding(what, Health.WARN, f"not used: {' '.join(str(error.orig).split())}")
    if ours != theirs:
        return Finding(what, Health.ILL, "it belongs to another server than the database")
    if not follows:
        return Finding(what, Health.WARN, "not used: it follows no primary")
    words = "it has what the database has" if behind <= 0 else f"{behind:,} bytes behind"
    if behind > 0 and seconds is not None:
        words += f", its last change is {seconds:,.0f} s old"
    return Finding(what, _unless(behind <= FAR_BEHIND, Health.WARN), words)


def _pg_dump(tx: Connection) -> Finding:
    """Look whether this server can be backed up from here."""
    try:
        found = dumps.client(tx)
    except BackupFailed as error:
        return Finding("pg_dump", Health.WARN, error.why)
    if found is None:
        return Finding("pg_dump", Health.WARN, f"no backups: {dumps.MISSING}")
    if not found.fits:
        return Finding("pg_dump", Health.WARN, f"no backups: {dumps.too_old(found)}")
    return Finding("pg_dump", Health.OK, f"{found.version}, the server is {found.server}")


def _revision(tx: Connection) -> Finding:
    at = migrations.current(tx)
    words = f"{at}, this version's is {migrations.HEAD}"
    if at not in {*migrations.REVISIONS, None}:
        words += "; a newer version made them"
    elif at != migrations.HEAD:
        words += "; run `points db upgrade`"
    return Finding("the tables' revision", _unless(at == migrations.HEAD), words)


def _guards(tx: Connection) -> Finding:
    if tx.dialect.name == "sqlite":
        found = tx.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
    else:
        # A guard counts if it fires always, the replica role included
        found = tx.execute(text("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'A'"))
    missing = sorted(guards.names(tx.dialect.name) - set(found.scalars()))
    return Finding(
        "append-only triggers",
        _unless(not missing),
        f"missing: {', '.join(missing)}" if missing else "all there",
    )


def _file(tx: Connection) -> Iterator[Finding]:
    file = database_file(tx.engine.url)
    if file is None:
        return
    mode = stat.S_IMODE(file.stat().st_mode)
    others = mode & (stat.S_IRWXG | stat.S_IRWXO)
    yield Finding(
        "the file's permissions",
        _unless(not others, Health.WARN),
        f"{mode:o}" + (", should be 600" if others else ""),
    )


def _clock(tx: Connection, now: datetime) -> Finding:
    last = tx.execute(select(func.max(LedgerHead.recorded_at))).scalar()
    if last is not None and last > now + CLOCK_LEEWAY:
        return Finding(
            "the clock", Health.ILL, f"{now.isoformat()} is before the last transaction, {last.isoformat()}"
        )
    return Finding("the clock", Health.OK, now.isoformat(timespec="seconds"))


def _asked_ahead(tx: Connection, now: datetime) -> Finding:
    """Look whether requests wait that a clock which was ahead would let wait for longer than any may.

    What was asked stays: it cannot be dated anew. Nor can this clock be known to be the right one.
    """
    longest = now + timedelta(hours=MAX_REQUEST_HOURS) + SKEW
    pending = ApprovalRequest.state == RequestState.PENDING.value
    late = select(func.count(), func.max(ApprovalRequest.expires_at)).where(
        pending, ApprovalRequest.expires_at > longest
    )
    count, last = tx.execute(late).one()
    if not count:
        return Finding("requests that wait", Health.OK, "none for longer than any may")
    words = f"{count} expire late, the last {last.isoformat(timespec='seconds')}: decide or cancel them"
    return Finding("requests that wait", Health.WARN, f"{words}; a clock was ahead when they were asked")


def _effects(tx: Connection, now: datetime) -> Finding:
    waiting = select(func.count(), func.min(OutboxEntry.created_at)).where(OutboxEntry.done_at.is_(None))
    count, oldest = tx.execute(waiting).one()
    if not count:
        return Finding("messages not delivered yet", Health.OK, "none")
    late = oldest < now - STUCK_EFFECT
    words = f"{count}, the oldest since {oldest.isoformat(timespec='seconds')}"
    return Finding("messages not delivered yet", _unless(not late, Health.WARN), words)


def _verified(tx: Connection, now: datetime) -> Finding:
    last = tx.execute(select(func.max(AuditEvent.recorded_at)).where(AuditEvent.action == VERIFIED)).scalar()
    if last is not None and last > now + CLOCK_LEEWAY:  # a clock that was ahead holds that up, not the mark
        full = select(func.max(VerifiedMark.full_at)).where(VerifiedMark.full_at <= now + CLOCK_LEEWAY)
        last = tx.execute(full).scalar()
    any_books = tx.execute(select(func.count()).select_from(LedgerHead)).scalar_one()
    if last is None:
        words = "never; run `points verify`" if any_books else "no books yet"
        return Finding("the last verify", _unless(not any_books, Health.WARN), words)
    fresh = last > now - STALE_VERIFY
    return Finding("the last verify", _unless(fresh, Health.WARN), last.isoformat(timespec="seconds"))


def _open(tx: Connection) -> Finding:
    shut = closed(tx)
    words = "; ".join(f"{community} is closed: {why}" for community, why in sorted(shut.items()))
    return Finding("the books take new entries", _unless(not shut), words or "all of them")


def _backed_up(tx: Connection, now: datetime) -> Finding:
    """Look when a backup was last anchored in the books, wherever it is."""
    past = Anchor.made_at <= now + CLOCK_LEEWAY  # a clock that was ahead made others
    made = select(func.max(Anchor.made_at)).where(Anchor.place.startswith("backup "), past)
    last = tx.execute(made).scalar()
    any_books = tx.execute(select(func.max(LedgerHead.seq))).scalar()
    if last is None:
        words = (
            "never; set POINTS_BACKUP_DIRECTORY, or run `points backup`"
            if any_books
            else "nothing to back up"
        )
        return Finding("the last backup", _unless(not any_books, Health.WARN), words)
    return Finding(
        "the last backup", _unless(last > now - STALE_BACKUP, Health.WARN), last.isoformat(timespec="seconds")
    )


def _forgotten(tx: Connection, now: datetime) -> Finding:
    """Look whether people wait to be erased past their day, or the file still to be rewritten after them."""
    late = Erasure.due_at <= now - LATE_ERASURE
    still = (Erasure.done_at.is_(None), Erasure.cancelled_at.is_(None))
    waiting = select(func.count()).where(*still, late)
    traces = select(func.count()).where(Erasure.scrubbed_at.is_(None), Erasure.done_at <= now - LATE_ERASURE)
    overdue, unscrubbed = tx.execute(waiting).scalar_one(), tx.execute(traces).scalar_one()
    words = [f"{overdue} overdue; run `points privacy due`"] if overdue else []
    if ahead := tx.execute(select(func.count()).where(*still, Erasure.asked_at > now + SKEW)).scalar_one():
        words.append(f"{ahead} wait too long, a clock was ahead when they were asked; asking again mends it")
    words += (
        [f"after {unscrubbed} the file was not rewritten; run `points privacy due`"] if unscrubbed else []
    )
    return Finding("erasures", _unless(not words, Health.WARN), "; ".join(words) or "none overdue")


def _linked(tx: Connection, now: datetime) -> Iterator[Finding]:
    """Look whether Linked Roles are set up whole and show what they should; nothing where nobody began."""
    settings = links.settings_of(tx)
    if not links.wanted(settings):
        return
    lacking = links.missing(settings)
    if lacking:
        off = f"off: {' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not set"
        yield Finding("Linked Roles", Health.WARN, off)
        return
    chosen, found = links.chosen(tx), links.counts(tx, now)
    words = [f"{found.linked} linked"]
    words += [f"nobody can link: {chosen.why}"] if chosen.community is None else []
    words += [f"{found.behind} show old points"] if found.behind else []
    words += [f"{found.failing} failed at the last attempt"] if found.failing else []
    words += (
        [f"{found.unreadable} of them are sealed with another DISCORD_CLIENT_SECRET and have to link again"]
        if found.unreadable
        else []
    )
    yield Finding("Linked Roles", _unless(len(words) == 1, Health.WARN), "; ".join(words))
