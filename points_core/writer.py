"""The one writer: operations queue up, those that wait together share one commit, each keeps its own outcome.

A thread of its own, because a synchronous operation cannot be cancelled or interleaved halfway, and because
one hop to the thread and back costs less than one hop per statement. First in, first out; no timer: an
operation alone waits for nobody.
"""

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import groupby
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, Text, cast, func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from points_core import changes
from points_core.changes import Changes
from points_core.constraints import refusal_for
from points_core.errors import DatabaseUnavailable
from points_core.models import Community, LedgerHead
from points_core.values import Origin

MAX_TOGETHER = 1_000  # operations in one commit: bounds how long the first waits for the last
ATTEMPTS = 6  # of a whole batch, on PostgreSQL: about three seconds with the pauses below
PAUSE_S = 0.05  # before the second attempt, doubled each time
UNKNOWN = "the connection broke while this was written down; ask again, which does nothing twice"
RETRIED_STATES = {"40001", "40P01"}  # serialization_failure, deadlock_detected

P = ParamSpec("P")
T = TypeVar("T")

_NUMBER = cast(func.pg_current_xact_id(), Text)
_STATUS = text("SELECT pg_xact_status(CAST(CAST(:number AS text) AS xid8))")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments of one call of an operation, without its connection."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """One operation that waits, and the future its caller waits on."""

    operation: Callable[..., Any]
    call: Call
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    alone: bool = False


Many = Callable[[Connection, Sequence[Call]], list[Any]]
_MANY: dict[Callable[..., Any], Many] = {}


def planned_together(many: Many) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Register `many` as the way to run several waiting calls of the decorated operation at once.

    It returns one result, or one exception, per call, in order; a refused call must leave nothing behind.
    """

    def register(operation: Callable[P, T]) -> Callable[P, T]:
        _MANY[operation] = many
        return operation

    return register


class Writer:
    """Runs operations on one connection, in one thread; tells `changes` what they changed, once committed."""

    def __init__(self, engine: Engine, changes: Changes) -> None:
        self._engine = engine
        self._changes = changes
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._stopped = False
        self._thread = Thread(target=self._serve, name="points-writer", daemon=True)
        self._thread.start()

    def submit(self, operation: Callable[..., Any], call: Call) -> asyncio.Future[Any]:
        """Queue one call of `operation`; the future is done after the commit. Call from a running loop.

        Raises DatabaseUnavailable once the writer is stopped.
        """
        if self._stopped:
            raise DatabaseUnavailable("it is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._jobs.put(Job(operation, call, loop, future))
        return future

    def submit_alone(self, work: Callable[[Engine], T]) -> asyncio.Future[T]:
        """Queue work that is to run in its turn between two commits, in no transaction.

        Raises DatabaseUnavailable once the writer is stopped.
        """
        if self._stopped:
            raise DatabaseUnavailable("it is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(Job(work, Call((self._engine,), {}), loop, future, alone=True))
        return future

    def stop(self) -> None:
        """Finish what is queued, then end the thread; blocks until it has ended."""
        self._stopped = True
        self._jobs.put(None)
        self._thread.join()

    def _serve(self) -> None:
        running = True
        while running:
            jobs, running = self._waiting()
            for alone, same in groupby(jobs, key=lambda job: job.alone):
                together = list(same)
                with _uncollected() if len(together) > 1 else nullcontext():
                    outcomes = [_run_alone(job) for job in together] if alone else self._commit(together)
                self._deliver(together, outcomes)

    def _waiting(self) -> tuple[list[Job], bool]:
        jobs: list[Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == MAX_TOGETHER:
                return jobs, True
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return jobs, True
        return jobs, False

    @staticmethod
    def _deliver(jobs: Sequence[Job], outcomes: Sequence[Any]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
        for job, outcome in zip(jobs, outcomes, strict=True):
            by_loop.setdefault(job.loop, []).append((job.future, outcome))
        for loop, settled in by_loop.items():
            try:
                loop.call_soon_threadsafe(_settle, settled)
            except RuntimeError:
                log.info("%d outcomes had nobody left to tell: their event loop is closed", len(settled))

    def _commit(self, jobs: Sequence[Job]) -> list[Any]:
        for attempt in range(ATTEMPTS):
            try:
                return self._transact(jobs)
            except UnknownOutcomeError:
                return [DatabaseUnavailable(UNKNOWN)] * len(jobs)
            except NotBegunError as error:
                if not (_is_passing(error.cause) and attempt + 1 < ATTEMPTS):
                    return [translated(error.cause)] * len(jobs)
            except DBAPIError as error:
                if not (_is_passing(error) and attempt + 1 < ATTEMPTS):
                    return self._apart(jobs, error)
            except Exception as error:
                return self._apart(jobs, error)
            log.warning("trying %d operations again", len(jobs))
            time.sleep(PAUSE_S * 2**attempt)
        raise AssertionError("unreachable")

    def _apart(self, jobs: Sequence[Job], error: Exception) -> list[Any]:
        """One of several spoiled the commit for all: let each stand for itself."""
        if len(jobs) == 1:
            return [translated(error)]
        return [outcome for job in jobs for outcome in self._commit([job])]

    def _transact(self, jobs: Sequence[Job]) -> list[Any]:
        number, finished = None, None
        try:
            with self._begun(jobs) as (connection, number):
                outcomes = _outcomes(connection, jobs)
                finished = outcomes, changes.said(connection)  # from here on only the commit can fail
        except DBAPIError as error:
            if finished is None or number is None or not error.connection_invalidated:
                raise
            if not self._committed(number):
                raise
        outcomes, said = finished
        self._changes.tell(said)
        return outcomes

    def _committed(self, number: str) -> bool:
        """Ask what became of a transaction whose commit was not answered. Raises DBAPIError.

        To run its operations again would refuse what was done a moment ago: a category is there already.
        """
        for attempt in range(ATTEMPTS):
            time.sleep(PAUSE_S * 2**attempt)
            try:
                with self._engine.connect() as connection:
                    status = connection.execute(_STATUS, {"number": number}).scalar_one()
            except DBAPIError as error:
                if attempt + 1 == ATTEMPTS:
                    raise UnknownOutcomeError from error
                continue
            if status != "in progress":
                return bool(status == "committed")
        raise UnknownOutcomeError

    @contextmanager
    def _begun(self, jobs: Sequence[Job]) -> Iterator[tuple[Connection, str | None]]:
        """Hold a transaction open, with its number on a server that can be asked what became of it.

        Raises NotBegunError while the database is locked, gone or unreachable.
        """
        with ExitStack() as held:
            try:
                connection = held.enter_context(self._engine.connect())
                changes.begun(connection)
                held.enter_context(connection.begin())
                number = _lock_heads(connection, jobs)
            except DBAPIError as error:
                raise NotBegunError(error) from error
            yield connection, number


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep Python from looking for garbage in cycles: what a batch makes lives until its callers are told.

    So much at once counts as a heap that grows, and all of it is searched: about half of a batch's time.
    """
    if not gc.isenabled():  # as the program around us wants it, or another writer just now
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _outcomes(connection: Connection, jobs: Sequence[Job]) -> list[Any]:
    if len(jobs) == 1:
        return [jobs[0].operation(connection, *jobs[0].call.args, **jobs[0].call.kwargs)]
    groups = [
        (operation, [job.call for job in same])
        for operation, same in groupby(jobs, key=lambda job: job.operation)
    ]
    if len(groups) == 1 and (many := _MANY.get(jobs[0].operation)) is not None:
        return many(connection, groups[0][1])  # if it breaks the commit breaks, and each stands for itself
    return [outcome for operation, calls in groups for outcome in run_together(connection, operation, calls)]


class UnknownOutcomeError(Exception):
    """The connection broke during the commit, and nobody could be asked what became of it."""


class NotBegunError(Exception):
    """No operation ran: what stands in the way stands in the way of all of them."""

    def __init__(self, cause: DBAPIError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _run_alone(job: Job) -> Any:  # noqa: ANN401 - whatever the work returns
    try:
        return job.operation(*job.call.args)
    except Exception as error:
        return translated(error)


def translated(error: Exception) -> Exception:
    """Return what the caller should see for `error`: refusals by constraint, faults for a sick database."""
    if isinstance(error, IntegrityError):
        return refusal_for(error)
    if isinstance(error, DBAPIError):
        return DatabaseUnavailable(str(error.orig).strip())
    return error


def run_together(connection: Connection, operation: Callable[..., Any], calls: Sequence[Call]) -> list[Any]:
    """Run calls of one operation in order and return each one's outcome, a refusal in a result's place."""
    many = _MANY.get(operation)
    if many is None or len(calls) == 1:
        return [_in_savepoint(connection, operation, call) for call in calls]
    try:
        with connection.begin_nested():
            return many(connection, calls)
    except IntegrityError:
        return [_in_savepoint(connection, operation, call) for call in calls]


def _in_savepoint(connection: Connection, operation: Callable[..., Any], call: Call) -> Any:  # noqa: ANN401
    try:
        with connection.begin_nested():
            return operation(connection, *call.args, **call.kwargs)
    except IntegrityError as error:
        return refusal_for(error)
    except DBAPIError:
        raise  # SQLite may have rolled everything back (disk full): the whole batch starts again, apart
    except Exception as error:
        return error


def _lock_heads(connection: Connection, jobs: Sequence[Job]) -> str | None:
    """Lock the communities' head rows in one order, so that two processes' batches cannot deadlock.

    Returns the transaction's number on PostgreSQL.
    """
    if connection.dialect.name != "postgresql":
        return None
    keys = {arg.community for job in jobs for arg in job.call.args if isinstance(arg, Origin)}
    numbers: Sequence[str] = []
    if keys:
        heads = select(_NUMBER).select_from(LedgerHead).join(Community).where(Community.key.in_(sorted(keys)))
        heads = heads.order_by(LedgerHead.community_id).with_for_update(of=LedgerHead)
        numbers = connection.execute(heads).scalars().all()
    return numbers[0] if numbers else str(connection.execute(select(_NUMBER)).scalar_one())


def _is_passing(error: DBAPIError) -> bool:
    """A lost connection, a deadlock or a serialization failure: safe to repeat, every write has a key."""
    return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in RETRIED_STATES


def _settle(settled: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, outcome in settled:
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
            future.exception()  # its caller may have been cancelled; asyncio then logs it as lost
        else:
            future.set_result(outcome)
