"""Many movements as one batch: posted in one commit, undone as a unit, once.

posting.py    post a batch, undo a batch; all or nothing unless asked for partially, with a report row by row
entries.py    what is asked of a batch
batches.py    batches read back
"""

from points_core.bulk.batches import BatchKind, BatchReceipt, get, of_file, recent
from points_core.bulk.entries import Entry
from points_core.bulk.posting import MAX_ROWS, post, take_back, undo

__all__ = [
    "MAX_ROWS",
    "BatchKind",
    "BatchReceipt",
    "Entry",
    "get",
    "of_file",
    "post",
    "recent",
    "take_back",
    "undo",
]
