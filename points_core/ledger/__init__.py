"""The books: the only module that writes points transactions and balances.

books.py      a community's books, open for one batch: load, decide, save
loading.py    what a batch reads before it decides
chain.py      what a hash covers; how a request is committed to
receipts.py   transactions read back
"""

from sqlalchemy import Connection

from points_core import policy
from points_core.ledger.books import Books
from points_core.ledger.loading import Wanted
from points_core.ledger.movement import Movement
from points_core.values import Origin, Receipt

__all__ = ["Books", "Movement", "Wanted", "post", "reverse"]


def post(tx: Connection, origin: Origin, movement: Movement) -> Receipt:
    """Move points as they are told, without asking policy for anything but the floor.

    Returns the receipt, or the first one's with `replayed` when the key was used before.
    Raises InsufficientBalance, BalanceOutOfRange, DuplicateTransaction.
    """
    head, current = policy.locked(tx, origin)
    actor = {movement.actor.user_id} if movement.actor.user_id else set()
    wanted = Wanted(frozenset({movement.user_id} | actor), frozenset({movement.key}))
    books = Books.load(tx, head, current, wanted)
    receipt = books.post(movement)
    books.save(tx)
    return receipt


def reverse(tx: Connection, origin: Origin, number: int, *, reason: str) -> Receipt:
    """Take transaction `number` back with a linked transaction dated like it.

    Returns the receipt, or the first one's with `replayed` when the key was used before.
    Raises UnknownTransaction, AlreadyReversed, NotReversible, InsufficientBalance, DuplicateTransaction.
    """
    head, current = policy.locked(tx, origin)
    user_ids = frozenset({origin.actor.user_id} if origin.actor.user_id else ())
    books = Books.load(tx, head, current, Wanted(user_ids, frozenset({origin.key}), frozenset({number})))
    receipt = books.reverse(number, reason=reason, actor=origin.actor, key=origin.key, at=origin.at)
    books.save(tx)
    return receipt
