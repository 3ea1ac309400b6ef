"""Webhooks by HTTP: adding, removing, listing, the delivery log, sending anew; for tokens with scope admin."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response
from pydantic import BeforeValidator, Field

from points_core import webhooks
from points_core.clients import Scope
from points_core.errors import InvalidSetting
from points_core.http import once
from points_core.http.guard import Guarded, needs
from points_core.http.movements import MADE, ONCE, Key, say_replayed
from points_core.http.problems import Stopped
from points_core.http.schemas import MAX_NUMBER, Given, Limit, Number, Told, plain_digits
from points_core.http.seam import Asking, Caller
from points_core.webhooks import DeliveryState, Topic
from points_core.webhooks.addresses import MAX_URL, PATH

_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PORT: Final = r":([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_TOP: Final = r"[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]"
URL: Final = rf"^https://({_LABEL}\.)+{_TOP}({_PORT})?{PATH}$"
"""Stricter than the core's: a name, no IP address."""

router = APIRouter(route_class=Guarded, tags=["webhooks"])


class WebhookIn(Given):
    """An address that is to be told what happens."""

    url: Annotated[
        str,
        Field(
            pattern=URL,
            max_length=MAX_URL,
            description="An https address that is reachable from everywhere.",
            examples=["https://hooks.example.org/points"],
        ),
    ]
    topics: Annotated[
        list[Topic], Field(min_length=1, max_length=len(Topic), description="All if not given.")
    ] = list(Topic)  # noqa: RUF012 - pydantic copies it


class WebhookOut(Told):
    """An address that is told what happens."""

    number: int
    url: str
    topics: list[Topic]
    created_at: datetime
    removed_at: datetime | None


class WebhookMadeOut(WebhookOut):
    """A new webhook. Its secret, which signs what it is told, is in the first answer and never again."""

    secret: str | None


class WebhooksOut(Told):
    """The webhooks that are told, in the order they were added."""

    webhooks: list[WebhookOut]


class DeliveryOut(Told):
    """One line of the delivery log; `outcome` is how it ended, or why the last attempt failed."""

    id: int
    webhook: int
    event: str
    topic: Topic
    state: DeliveryState
    attempts: int
    created_at: datetime
    due_at: datetime
    done_at: datetime | None
    outcome: str | None


class DeliveriesQuery(Given):
    """Which deliveries."""

    webhook: Annotated[Number | None, Field(description="Of this webhook only.")] = None
    before: Annotated[
        int | None,
        Field(ge=1, le=MAX_NUMBER, description="Older than this one."),
        BeforeValidator(plain_digits),
    ] = None
    limit: Limit = 50


class DeliveriesOut(Told):
    """Deliveries, newest first; `next` goes into `before` for older ones, null at the end."""

    deliveries: list[DeliveryOut]
    next: int | None


@router.get("/points/webhooks")
@needs(Scope.ADMIN)
async def list_webhooks(seam: Asking, client: Caller) -> WebhooksOut:
    """Return the addresses that are told what happens."""
    found = await seam.read(webhooks.listed, client.community)
    return WebhooksOut(webhooks=[WebhookOut.model_validate(hook) for hook in found])


@router.post("/points/webhooks", status_code=201, responses=MADE)
@needs(Scope.ADMIN)
async def add_webhook(
    asked: WebhookIn, key: Key, seam: Asking, client: Caller, answer: Response
) -> WebhookMadeOut:
    """Have an address told what happens.

    Asked again with the same key, the answer lacks the secret: who lost it removes the webhook and adds it
    anew.
    """
    try:
        made = await seam.write(
            once.add_webhook, seam.origin(client, key), url=asked.url, topics=tuple(asked.topics)
        )
    except InvalidSetting as refusal:
        raise Stopped("webhook-conflict", url=asked.url, expected=refusal.expected) from refusal
    say_replayed(answer, made.replayed)
    return WebhookMadeOut.model_validate(made)


@router.post("/points/webhooks/{number}/remove", responses=ONCE)
@needs(Scope.ADMIN)
async def remove_webhook(
    number: Annotated[Number, Path()], key: Key, seam: Asking, client: Caller, answer: Response
) -> WebhookOut:
    """Tell an address nothing more, also not what waits for it."""
    removed = await seam.write(once.remove_webhook, seam.origin(client, key), number)
    say_replayed(answer, removed.replayed)
    return WebhookOut.model_validate(removed)


@router.get("/points/webhooks/deliveries")
@needs(Scope.ADMIN)
async def list_deliveries(
    asked: Annotated[DeliveriesQuery, Query()], seam: Asking, client: Caller
) -> DeliveriesOut:
    """Return what was delivered, what waits, and what was given up and why."""
    found = await seam.read(
        webhooks.deliveries,
        client.community,
        webhook=asked.webhook,
        before=asked.before,
        limit=asked.limit + 1,
    )
    shown = [DeliveryOut.model_validate(each) for each in found[: asked.limit]]
    return DeliveriesOut(deliveries=shown, next=shown[-1].id if len(found) > asked.limit else None)


@router.post("/points/webhooks/deliveries/{number}/replay", responses=ONCE)
@needs(Scope.ADMIN)
async def replay_delivery(
    number: Annotated[Number, Path()], key: Key, seam: Asking, client: Caller, answer: Response
) -> DeliveryOut:
    """Send a delivery anew, with the same event and signed afresh."""
    delivery, asked_before = await seam.write(once.replay_delivery, seam.origin(client, key), number)
    say_replayed(answer, asked_before)
    return DeliveryOut.model_validate(delivery)
