"""Webhooks: addresses that are told what happens in a community, each delivery signed.

addresses.py   which addresses may be told: https, and public ones only
hooks.py       adding, removing and listing webhooks
events.py      what is told; written in the commit that causes it
deliveries.py  the delivery log: leased, done, later, sent anew
sending.py     one delivery over https
postman.py     the worker that delivers what is due; several processes may have one each

`sending` and `postman` are imported by whoever delivers: they load the HTTP client.
"""

from points_core.webhooks.deliveries import (
    MAX_ATTEMPTS,
    Delivery,
    DeliveryState,
    Letter,
    deliveries,
    delivery,
    done,
    forget,
    later,
    lease,
    replay,
    waits,
)
from points_core.webhooks.events import (
    Batch,
    Topic,
    tell_batch,
    tell_cancelled,
    tell_decided,
    tell_opened,
    tell_posted,
    tell_recorded,
)
from points_core.webhooks.hooks import Hook, add, get, listed, remove

__all__ = [
    "MAX_ATTEMPTS",
    "Batch",
    "Delivery",
    "DeliveryState",
    "Hook",
    "Letter",
    "Topic",
    "add",
    "deliveries",
    "delivery",
    "done",
    "forget",
    "get",
    "later",
    "lease",
    "listed",
    "remove",
    "replay",
    "tell_batch",
    "tell_cancelled",
    "tell_decided",
    "tell_opened",
    "tell_posted",
    "tell_recorded",
    "waits",
]
