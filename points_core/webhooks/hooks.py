"""Webhooks of a community: added with a secret that is shown once, removed, listed."""

import base64
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from points_core import audit, communities, outbox, policy
from points_core.communities import Head
from points_core.errors import DuplicateTransaction, InvalidSetting, UnknownWebhook
from points_core.models import Community, WebhookDelivery
from points_core.models import Webhook as WebhookRow
from points_core.policy import Policy
from points_core.values import MAX_NUMBER, Origin
from points_core.webhooks.addresses import clean_url, host_of
from points_core.webhooks.events import Topic

SECRET_BYTES: Final = 32
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - so that secret scanners recognise one that got about
MAX_HOOKS: Final = 20  # at once in one community: each costs a row with every event
REMOVED: Final = "given up: the webhook was removed"


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook; `number` is its number in its community.

    `secret` is only there in the answer to the `add` that made it. `replayed` when the key was seen before
    and nothing new was made.
    """

    community: str
    number: int
    url: str
    topics: tuple[Topic, ...]
    created_at: datetime
    removed_at: datetime | None = None
    secret: str | None = None
    replayed: bool = False


def add(tx: Connection, origin: Origin, *, url: str, topics: Collection[Topic] = tuple(Topic)) -> Hook:
    """Have `url` told from now on what happens of `topics`.

    Returns the webhook with the secret that signs its deliveries: show it now, it is not shown again. For a
    key used before the first webhook, with `replayed` and without the secret. Raises InvalidSetting,
    DuplicateTransaction.
    """
    url = clean_url(url)
    wanted = _topics(topics)
    head, rules = policy.locked(tx, origin)
    if earlier := _by_key(tx, head.community_id, origin.key):
        if (earlier.url, earlier.topics) != (url, wanted):
            raise DuplicateTransaction(origin.key)
        return replace(earlier, replayed=True)
    if len(listed(tx, origin.community)) >= MAX_HOOKS:
        raise InvalidSetting("webhooks", url[:40], f"one of at most {MAX_HOOKS}; remove one first")
    secret = _new_secret()
    head.webhooks += 1
    tx.execute(
        insert(WebhookRow).values(
            community_id=head.community_id,
            number=head.webhooks,
            url=url,
            secret=secret,
            topics=[topic.value for topic in wanted],
            key=origin.key,
            created_at=origin.at,
        )
    )
    after = {"host": host_of(url), "topics": [topic.value for topic in wanted]}
    log(tx, head, origin, rules, "webhook.add", f"webhook:{head.webhooks}", None, after)
    return Hook(origin.community, head.webhooks, url, wanted, origin.at, secret=secret)


def remove(tx: Connection, origin: Origin, number: int) -> Hook:
    """Tell a webhook nothing more, also not what waits for it; one that is removed stays so.

    Closed books do not stand in the way: telling the wrong one must be stopped whatever else is wrong.
    Raises UnknownWebhook.
    """
    head = communities.lock(tx, origin.community)
    if head is None:
        raise UnknownWebhook(number)
    rules = policy.by_number(tx, head.community_id)
    hook = get(tx, origin.community, number)
    if hook.removed_at is not None:
        return replace(hook, replayed=True)
    tx.execute(
        update(WebhookRow)
        .where(WebhookRow.community_id == head.community_id, WebhookRow.number == number)
        .values(removed_at=origin.at, secret="")
    )
    tx.execute(
        update(WebhookDelivery)
        .where(
            WebhookDelivery.community_id == head.community_id,
            WebhookDelivery.webhook_number == number,
            WebhookDelivery.done_at.is_(None),
        )
        .values(done_at=origin.at, leased_until=None, outcome=REMOVED)
    )
    log(tx, head, origin, rules, "webhook.remove", f"webhook:{number}", {"host": host_of(hook.url)}, None)
    return replace(hook, removed_at=origin.at)


def listed(tx: Connection, community: str, *, removed: bool = False) -> tuple[Hook, ...]:
    """Return the community's webhooks in the order they were added; `removed`: those no longer told as well."""
    wanted = _HOOKS.where(Community.key == community).order_by(WebhookRow.number)
    if not removed:
        wanted = wanted.where(WebhookRow.removed_at.is_(None))
    return tuple(_hook(row) for row in tx.execute(wanted))


def get(tx: Connection, community: str, number: int) -> Hook:
    """Return the community's webhook `number`, removed or not. Raises UnknownWebhook."""
    if not 1 <= number <= MAX_NUMBER:
        raise UnknownWebhook(number)
    row = tx.execute(_HOOKS.where(Community.key == community, WebhookRow.number == number)).one_or_none()
    if row is None:
        raise UnknownWebhook(number)
    return _hook(row)


def log(
    tx: Connection,
    head: Head,
    origin: Origin,
    rules: Policy,
    action: str,
    target: str,
    before: audit.Document | None,
    after: audit.Document | None,
) -> None:
    """Put on record what was done with a webhook, and save the head."""
    event = audit.record(tx, head, origin, action=action, target=target, before=before, after=after)
    if rules.log_channel:
        outbox.add(
            tx, head.community_id, outbox.Topic.CHANGED, str(event), at=origin.at, place=rules.log_channel
        )
    communities.save(tx, head)


_HOOKS = select(
    Community.key.label("community"),
    WebhookRow.number,
    WebhookRow.url,
    WebhookRow.topics,
    WebhookRow.created_at,
    WebhookRow.removed_at,
).join(Community, Community.id == WebhookRow.community_id)


def _hook(row: Any) -> Hook:  # noqa: ANN401 - a row of _HOOKS
    topics = tuple(Topic(topic) for topic in row.topics)
    return Hook(row.community, row.number, row.url, topics, row.created_at, row.removed_at)


def _by_key(tx: Connection, community_id: int, key: str) -> Hook | None:
    found = _HOOKS.where(WebhookRow.community_id == community_id, WebhookRow.key == key)
    row = tx.execute(found).one_or_none()
    return _hook(row) if row else None


def _topics(topics: Collection[Topic]) -> tuple[Topic, ...]:
    try:
        wanted = {Topic(topic) for topic in topics}
    except ValueError:
        wanted = set()
    if not wanted:
        raise InvalidSetting("topics", ", ".join(map(str, topics))[:40], "one or more of " + ", ".join(Topic))
    return tuple(topic for topic in Topic if topic in wanted)


def _new_secret() -> str:
    random = secrets.token_bytes(SECRET_BYTES)
    return SECRET_PREFIX + base64.urlsafe_b64encode(random).rstrip(b"=").decode()
