"""Webhooks: told in the same commit, delivered over https to public addresses only, signed, logged, sent anew."""

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select
from typer.testing import CliRunner

from points_core import approvals, awards, bulk, history, policy, privacy, schedules, webhooks
from points_core.bulk import Entry
from points_core.cli import app
from points_core.database import Points
from points_core.errors import (
    DuplicateTransaction,
    InsufficientBalance,
    InvalidSetting,
    UnknownDelivery,
    UnknownWebhook,
)
from points_core.models import AuditEvent, Webhook, WebhookDelivery
from points_core.values import Kind, Receipt, Request
from points_core.verification import verify
from points_core.webhooks import MAX_ATTEMPTS, DeliveryState, Hook, Letter, Topic
from points_core.webhooks.addresses import clean_url, is_public
from points_core.webhooks.hooks import MAX_HOOKS
from points_core.webhooks.postman import PAUSE, SLOTS, Postman
from points_core.webhooks.sending import NotTaken, Sender, signature
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, OTHER_MOD, by, row_counts
from tests.core.hook_server import HOST, Certificate, Names, Server, senders, serving

URL = "https://hooks.example.org/points"
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SOON = NOON + timedelta(seconds=1)


async def added(points: Points, url: str = URL, *topics: Topic) -> Hook:
    return await points.write(webhooks.add, by(MOD), url=url, topics=topics or tuple(Topic))


async def give(
    points: Points, user_id: str = ADA, amount: int = 5, reason: str = "helped", **more: Any
) -> Receipt | Request:
    return await points.write(
        approvals.request, by(MOD), kind=Kind.AWARD, user_id=user_id, amount=amount, reason=reason, **more
    )


async def bodies(points: Points) -> list[dict[str, Any]]:
    wanted = select(WebhookDelivery.body).order_by(WebhookDelivery.id)
    return await points.read(lambda tx: [dict(body) for body in tx.execute(wanted).scalars()])


async def states(points: Points) -> list[tuple[DeliveryState, int, str | None]]:
    found = await points.read(webhooks.deliveries, COMMUNITY)
    return [(each.state, each.attempts, each.outcome) for each in reversed(found)]


# ── adding and removing ──


async def test_a_webhook_is_shown_with_its_secret_once(points: Points) -> None:
    origin = by(MOD)
    made = await points.write(webhooks.add, origin, url=URL, topics=[Topic.RECORDED])
    again = await points.write(webhooks.add, origin, url=URL, topics=[Topic.RECORDED])

    assert made.secret is not None
    assert re.fullmatch(r"whsec_[A-Za-z0-9_-]{43}", made.secret)
    assert (again.number, again.secret, again.replayed) == (1, None, True)
    assert await points.read(webhooks.listed, COMMUNITY) == (
        Hook(COMMUNITY, 1, URL, (Topic.RECORDED,), NOON),
    )
    assert await points.read(verify) == []


async def test_a_key_stands_for_one_webhook(points: Points) -> None:
    origin = by(MOD)
    await points.write(webhooks.add, origin, url=URL)

    with pytest.raises(DuplicateTransaction):
        await points.write(webhooks.add, origin, url=URL + "/other")
    with pytest.raises(DuplicateTransaction):
        await points.write(webhooks.add, origin, url=URL, topics=[Topic.POSTED])
    assert len(await points.read(webhooks.listed, COMMUNITY)) == 1


async def test_there_are_at_most_twenty_at_once(points: Points) -> None:
    for number in range(MAX_HOOKS):
        await added(points, f"{URL}/{number}")
    with pytest.raises(InvalidSetting):
        await added(points)
    await points.write(webhooks.remove, by(MOD), 3)

    assert (await added(points)).number == MAX_HOOKS + 1


async def test_adding_and_removing_goes_on_record_without_the_secret_and_the_path(points: Points) -> None:
    made = await added(points, "https://hooks.example.org/T012/secret-path")
    await points.write(webhooks.remove, by(MOD), made.number)

    def recorded(tx: Connection) -> list[Any]:
        columns = (AuditEvent.action, AuditEvent.target, AuditEvent.before, AuditEvent.after)
        return list(tx.execute(select(*columns).order_by(AuditEvent.number)))

    events = await points.read(recorded)
    assert [(e.action, e.target) for e in events] == [
        ("webhook.add", "webhook:1"),
        ("webhook.remove", "webhook:1"),
    ]
    assert "secret-path" not in repr(events)
    assert str(made.secret) not in repr(events)


async def test_a_removed_webhook_is_told_nothing_more_and_its_secret_is_gone(points: Points) -> None:
    made = await added(points)
    await give(points)
    await points.write(webhooks.remove, by(MOD), made.number)
    await give(points, GRACE)

    assert await states(points) == [(DeliveryState.GIVEN_UP, 0, "given up: the webhook was removed")]
    assert await points.write(webhooks.lease, SOON) == []
    assert await points.read(webhooks.listed, COMMUNITY) == ()
    assert await points.read(lambda tx: tx.execute(select(Webhook.secret)).scalars().all()) == [""]
    with pytest.raises(UnknownWebhook):
        await points.write(webhooks.replay, by(MOD), 1)
    assert (await points.write(webhooks.remove, by(MOD), made.number)).replayed
    assert await points.read(verify) == []


async def test_a_webhook_of_another_community_is_not_found(points: Points) -> None:
    made = await added(points)
    await give(points)
    await points.write(policy.change, by(MOD, community="village"), quorum=2)

    with pytest.raises(UnknownWebhook):
        await points.write(webhooks.remove, by(MOD, community="village"), made.number)
    with pytest.raises(UnknownDelivery):
        await points.write(webhooks.replay, by(MOD, community="village"), 1)
    assert await points.read(webhooks.deliveries, "village") == ()


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "ftp://hooks.example.org/",
        "https://user:word@hooks.example.org/",
        "https://hooks.example.org@127.0.0.1/",
        "https://hooks.example.org\\@127.0.0.1/",
        "https://hooks.example.org/#there",
        "https://hooks.example.org:0/",
        "https://hooks.example.org:65536/",
        "https://hooks.example.org/two words",
        "https://hööks.example.org/",
        "https://localhost/",
        "https://intranet/",
        "https://printer.local/",
        "https://metadata.google.internal/",
        "https://127.0.0.1/",
        "https://10.0.0.1:8443/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fe80::1]/",
        "https:///points",
        "https://hooks.example.org/" + "x" * 480,
        "",
        None,
    ],
)
def test_an_address_that_is_not_https_or_not_public_is_refused(url: object) -> None:
    with pytest.raises(InvalidSetting):
        clean_url(url)


@pytest.mark.parametrize(
    "url",
    [URL, "https://hooks.example.org", "https://1.1.1.1:8443/x?y=z", "https://[2606:4700::1111]/x"],
)
def test_a_public_https_address_is_taken(url: str) -> None:
    assert clean_url(url) == url


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.8",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "64:ff9b::10.0.0.1",
        "2001:db8::1",
        "2002:a00:1::1",
        "2001:0:1::1",
        "fc00::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_private_local_reserved_and_multicast_addresses_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


# ── what is told ──


async def test_a_community_without_webhooks_has_no_deliveries(points: Points) -> None:
    await give(points)
    before = await row_counts(points)
    await added(points)

    assert before["webhook_deliveries"] == 0
    assert await points.read(webhooks.deliveries, COMMUNITY) == ()


async def test_a_transaction_is_told_with_all_that_is_on_its_receipt(points: Points) -> None:
    await added(points)
    evidence = "https://example.org/1"
    await give(points, "81384788765712384", 25, "helped", name="Ada", category="helping", evidence=evidence)

    (body,) = await bodies(points)
    assert body == {
        "schema": 1,
        "event": "transaction.recorded:1",
        "type": "transaction.recorded",
        "community": COMMUNITY,
        "created_at": "2026-03-18T12:00:00Z",
        "data": {
            "number": 1,
            "kind": "award",
            "user_id": "81384788765712384",
            "name": "Ada",
            "amount": 25,
            "before": 0,
            "after": 25,
            "category": "helping",
            "reason": "helped",
            "evidence": evidence,
            "actor": {"kind": "member", "user_id": MOD, "name": None, "client": None},
            "effective_at": "2026-03-18T12:00:00Z",
            "recorded_at": "2026-03-18T12:00:00Z",
            "reverses": None,
            "request": None,
            "batch": None,
        },
    }


async def test_a_reversal_is_told_under_its_own_topic(points: Points) -> None:
    await added(points, URL, Topic.REVERSED)
    await give(points)
    await points.write(awards.reverse, by(MOD), 1, reason="wrong person")

    (body,) = await bodies(points)
    assert (body["type"], body["data"]["reverses"], body["data"]["amount"]) == ("transaction.reversed", 1, -5)


async def test_a_batch_is_one_event_however_many_it_concerns(points: Points) -> None:
    await added(points)
    entries = [Entry(row=n, user_id=f"u{n}", amount=n, reason="the fair", kind=Kind.AWARD) for n in (1, 2, 3)]
    await give(points)
    await points.write(bulk.post, by(MOD), entries)
    await points.write(bulk.undo, by(MOD), 1, reason="rained off")

    _, recorded, undone = await bodies(points)
    assert (recorded["type"], recorded["event"]) == ("batch.recorded", "batch.recorded:1")
    assert recorded["data"] == {
        "number": 1,
        "kind": "bulk",
        "transactions": 3,
        "members": 3,
        "points": 6,
        "first": 2,
        "last": 4,
        "undoes": None,
        "actor": {"kind": "member", "user_id": MOD, "name": None, "client": None},
        "recorded_at": "2026-03-18T12:00:00Z",
    }
    told = undone["data"]
    assert (undone["event"], told["number"], told["undoes"]) == ("batch.undone:2", 2, 1)
    assert (told["first"], told["last"], told["points"]) == (5, 7, -6)
    page = await points.read(history.page, COMMUNITY, batch=1)
    assert [made.number for made in page.receipts] == [4, 3, 2]


@pytest.mark.parametrize(
    "topics, told",
    [
        ([Topic.RECORDED], ["batch.recorded:1"]),
        ([Topic.REVERSED], ["batch.undone:2"]),
        ([Topic.BATCH_UNDONE], ["batch.undone:2"]),
        ([Topic.OPENED], []),
    ],
)
async def test_whoever_is_told_of_transactions_is_told_of_batches(
    points: Points, topics: list[Topic], told: list[str]
) -> None:
    await added(points, URL, *topics)
    await points.write(
        bulk.post, by(MOD), [Entry(row=1, user_id=ADA, amount=1, reason="the fair", kind=Kind.AWARD)]
    )
    await points.write(bulk.undo, by(MOD), 1, reason="rained off")

    assert [body["event"] for body in await bodies(points)] == told


async def test_requests_are_told_when_they_open_and_however_they_end(points: Points) -> None:
    await added(points, URL, Topic.OPENED, Topic.DECIDED)
    for reason in ("approved", "rejected", "cancelled", "expired"):
        await give(points, ADA, 500, reason)
    await points.write(approvals.vote, by(OTHER_MOD), 1, approve=True)
    await points.write(approvals.vote, by(OTHER_MOD), 2, approve=False, note="too much")
    await points.write(approvals.cancel, by(MOD), 3)
    await points.write(approvals.expire_due, NOON + timedelta(days=60))

    told = await bodies(points)
    assert [(b["event"], b["data"]["state"], b["data"]["reason"]) for b in told[:4]] == [
        (f"request.opened:{n}", "pending", reason)
        for n, reason in enumerate(("approved", "rejected", "cancelled", "expired"), start=1)
    ]
    assert [(b["event"], b["data"]["state"], b["data"]["transaction"]) for b in told[4:]] == [
        ("request.decided:1", "approved", 1),
        ("request.decided:2", "rejected", None),
        ("request.decided:3", "cancelled", None),
        ("request.decided:4", "expired", None),
    ]
    assert told[5]["data"]["note"] == "too much"


async def test_a_board_is_told_when_it_is_posted_and_once(points: Points) -> None:
    await added(points, URL, Topic.POSTED)
    await points.write(schedules.add, by(MOD), channel="777", window="week", every="monday", at="09:00")
    claimed = await points.write(schedules.claim_due, NOON + timedelta(days=7))
    slot = claimed[0].slot
    for _ in range(2):
        await points.write(schedules.published, COMMUNITY, 1, slot, channel="777", message="888", now=NOON)

    (body,) = await bodies(points)
    assert body["event"] == f"board.posted:1:{slot}"
    assert body["data"] == {"schedule": 1, "slot": slot, "channel": "777", "message": "888"}


async def test_what_is_refused_or_repeated_is_not_told(points: Points) -> None:
    await added(points)
    origin = by(MOD)
    for _ in range(2):
        await points.write(
            approvals.request, origin, kind=Kind.AWARD, user_id=ADA, amount=5, reason="once", again=True
        )
    with pytest.raises(InsufficientBalance):
        await points.write(
            approvals.request, by(MOD), kind=Kind.DEDUCTION, user_id=ADA, amount=50, reason="too much"
        )

    assert [body["event"] for body in await bodies(points)] == ["transaction.recorded:1"]


async def test_each_webhook_is_told_of_its_topics(points: Points) -> None:
    await added(points, URL, Topic.RECORDED)
    await added(points, URL, Topic.OPENED)
    await added(points)
    await give(points)
    await give(points, ADA, 500)

    found = await points.read(webhooks.deliveries, COMMUNITY)
    assert sorted((each.webhook, each.event) for each in found) == [
        (1, "transaction.recorded:1"),
        (2, "request.opened:1"),
        (3, "request.opened:1"),
        (3, "transaction.recorded:1"),
    ]
    assert [each.webhook for each in await points.read(webhooks.deliveries, COMMUNITY, webhook=2)] == [2]


# ── leases ──


async def test_nobody_gets_a_leased_delivery_until_the_lease_is_over(points: Points) -> None:
    made = await added(points)
    await give(points)

    (letter,) = await points.write(webhooks.lease, SOON, seconds=60)
    assert (letter.url, letter.secret, letter.topic, letter.attempts) == (URL, made.secret, Topic.RECORDED, 1)
    assert await points.write(webhooks.lease, SOON + timedelta(seconds=59)) == []
    assert not await points.read(webhooks.waits, SOON)
    (again,) = await points.write(webhooks.lease, SOON + timedelta(seconds=61))
    assert again.attempts == 2


async def test_one_webhook_does_not_take_all_the_room(points: Points) -> None:
    await added(points, URL, Topic.RECORDED)
    for _ in range(8):
        await give(points, again=True)
    await added(points, "https://other.example.org/", Topic.RECORDED)
    await give(points, GRACE)

    first = await points.write(webhooks.lease, SOON)
    assert [letter.url for letter in first] == [URL] * 4 + ["https://other.example.org/"]
    assert await points.write(webhooks.lease, SOON) == []
    await points.write(webhooks.done, first[0].id, SOON, "HTTP 204")
    assert [letter.id for letter in await points.write(webhooks.lease, SOON)] == [first[3].id + 1]


async def test_what_was_done_long_ago_is_forgotten(points: Points) -> None:
    await added(points)
    await give(points)
    await give(points, GRACE)
    (first, _) = await points.write(webhooks.lease, SOON)
    await points.write(webhooks.done, first.id, SOON, "HTTP 204")

    assert await points.write(webhooks.forget, SOON + timedelta(days=29)) == 0
    assert await points.write(webhooks.forget, SOON + timedelta(days=31)) == 1
    assert len(await states(points)) == 1


# ── erasure ──


async def test_erasure_empties_what_names_the_person_and_it_is_neither_sent_nor_sent_anew(
    points: Points,
) -> None:
    canary = "81384788765712384"
    await added(points)
    await give(points, canary, 5, "SECRET REASON", name="Canary")
    await give(points, ADA, 5, "met\n" + canary)
    await give(points, ADA, 500, "voted on")
    await points.write(policy.change, by(MOD), quorum=2)
    await give(points, GRACE, 500, "still waits")
    await points.write(approvals.vote, by(canary), 2, approve=True)
    await points.write(privacy.ask, by(canary, at=SOON), canary, at_once=True)
    assert await points.write(privacy.erase_due, SOON)

    told = await bodies(points)
    assert told[:2] == [{"erased": True}, {"erased": True}]
    assert [body["event"] for body in told[2:]] == [
        "request.opened:1",
        "request.opened:2",
        "request.decided:2",
    ]
    assert told[-1]["data"] == {"number": 2, "state": "cancelled", "decided_at": "2026-03-18T12:00:01Z"}
    assert canary not in repr(told)
    sent = await points.write(webhooks.lease, SOON)
    assert [letter.body["event"] for letter in sent] == [body["event"] for body in told[2:]]
    with pytest.raises(UnknownDelivery):
        await points.write(webhooks.replay, by(MOD), 1)


# ── over the wire ──


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.made(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
async def server(certificate: Certificate) -> AsyncIterator[Server]:
    async with serving(certificate) as server:
        yield server


class Clock:
    """A time that moves when told to."""

    def __init__(self) -> None:
        self.now = SOON

    def __call__(self) -> datetime:
        return self.now


async def deliver(points: Points, certificate: Certificate, clock: Clock) -> None:
    async with senders(certificate)() as sender:
        await Postman(points, clock).deliver_due(sender)


async def hook_at(points: Points, server: Server) -> Hook:
    return await added(points, server.url, Topic.RECORDED)


async def test_a_delivery_arrives_signed_and_is_logged(
    points: Points, server: Server, certificate: Certificate
) -> None:
    hook = await hook_at(points, server)
    await give(points, ADA, 5, "für die Hilfe")
    await deliver(points, certificate, Clock())

    (told,) = server.told
    assert told.path == "/points?key=abc"
    assert json.loads(told.content) == (await bodies(points))[0]
    assert told.headers["Content-Type"] == "application/json"
    assert told.headers["Points-Event"] == "transaction.recorded"
    assert told.headers["Points-Delivery"] == "1"
    t = int(SOON.timestamp())
    assert hook.secret is not None
    signed = hmac.new(hook.secret.encode(), f"{t}.".encode() + told.content, hashlib.sha256).hexdigest()
    assert told.headers["Points-Signature"] == f"t={t},v1={signed}"
    assert await states(points) == [(DeliveryState.DELIVERED, 1, "HTTP 204")]


async def test_what_fails_is_tried_again_with_doubling_pauses_and_given_up_after_twelve(
    points: Points, server: Server, certificate: Certificate
) -> None:
    await hook_at(points, server)
    await give(points)
    server.status = 500
    clock = Clock()
    for attempt in range(MAX_ATTEMPTS):
        await deliver(points, certificate, clock)
        assert len(server.told) == attempt + 1
        clock.now += PAUSE * 2**attempt - timedelta(seconds=1)
        await deliver(points, certificate, clock)
        assert len(server.told) == attempt + 1
        clock.now += timedelta(seconds=1)

    given_up = "given up: 12 attempts failed, the last with HTTP 500"
    assert await states(points) == [(DeliveryState.GIVEN_UP, MAX_ATTEMPTS, given_up)]
    assert timedelta(hours=20) < clock.now - SOON < timedelta(days=2)


async def test_what_was_given_up_or_arrived_can_be_sent_anew(
    points: Points, server: Server, certificate: Certificate
) -> None:
    await hook_at(points, server)
    await give(points)
    await deliver(points, certificate, Clock())
    again = await points.write(webhooks.replay, by(MOD, at=SOON), 1)
    await deliver(points, certificate, Clock())

    assert again.state is DeliveryState.WAITING
    assert [told.content for told in server.told] == [server.told[0].content] * 2
    assert [told.headers["Points-Delivery"] for told in server.told] == ["1", "1"]
    assert await states(points) == [(DeliveryState.DELIVERED, 1, "HTTP 204")]


async def test_an_answer_that_never_comes_is_not_waited_for(
    points: Points, server: Server, certificate: Certificate
) -> None:
    hook = await hook_at(points, server)
    server.pause_s = 30
    async with Sender(
        allowed=lambda _: True,
        resolver=Names("127.0.0.1"),
        certificates=certificate.trusted(),
        timeout_s=0.3,
    ) as sender:
        with pytest.raises(NotTaken, match=r"no answer within 0\.3 seconds"):
            await sender.send(letter_to(hook.url), SOON)


def letter_to(url: str) -> Letter:
    return Letter(1, url, "secret", Topic.RECORDED, {"schema": 1}, 1)


async def test_a_redirect_is_not_followed(server: Server, certificate: Certificate) -> None:
    server.status = 302
    async with senders(certificate)() as sender:
        with pytest.raises(NotTaken, match="HTTP 302, and redirects are not followed"):
            await sender.send(letter_to(server.url), SOON)
    assert len(server.told) == 1


async def test_a_certificate_that_is_not_trusted_is_not_told(server: Server) -> None:
    async with Sender(allowed=lambda _: True, resolver=Names("127.0.0.1")) as sender:
        with pytest.raises(NotTaken, match="self-signed certificate"):
            await sender.send(letter_to(server.url), SOON)
    assert server.told == []


async def test_a_certificate_for_another_name_is_not_told(server: Server, certificate: Certificate) -> None:
    async with senders(certificate)() as sender:
        with pytest.raises(NotTaken, match="Hostname mismatch"):
            await sender.send(letter_to(server.url.replace(HOST, "other.example")), SOON)
    assert server.told == []


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254"])
async def test_a_name_that_leads_to_a_private_address_is_not_told(
    address: str, server: Server, certificate: Certificate
) -> None:
    async with Sender(resolver=Names(address), certificates=certificate.trusted()) as sender:
        with pytest.raises(NotTaken, match=f"{address} is not a public address"):
            await sender.send(letter_to(server.url), SOON)
    assert server.told == []


async def test_a_written_private_address_is_not_told_either(server: Server, certificate: Certificate) -> None:
    async with Sender(certificates=certificate.trusted()) as sender:
        for host in ("127.0.0.1", "localhost", "2130706433", "127.1"):
            with pytest.raises(NotTaken):
                await sender.send(letter_to(server.url.replace(HOST, host)), SOON)
    assert server.told == []


async def test_a_name_is_asked_for_once_per_connection_and_what_it_says_later_is_checked_again(
    server: Server, certificate: Certificate
) -> None:
    names = Names("127.0.0.1", "127.0.0.2")
    async with Sender(
        allowed=lambda address: str(address) == "127.0.0.1",
        resolver=names,
        certificates=certificate.trusted(),
    ) as sender:
        assert await sender.send(letter_to(server.url), SOON) == "HTTP 204"
        with pytest.raises(NotTaken, match=r"127\.0\.0\.2 is not a public address"):
            await sender.send(letter_to(server.url), SOON)
    assert names.asked == [HOST, HOST]
    assert len(server.told) == 1


async def test_two_postmen_never_deliver_the_same_thing(
    points: Points, server: Server, certificate: Certificate
) -> None:
    await hook_at(points, server)
    for _ in range(30):
        await give(points, again=True)
    await asyncio.gather(*(deliver(points, certificate, Clock()) for _ in range(2)))

    numbers = [json.loads(told.content)["data"]["number"] for told in server.told]
    assert sorted(numbers) == list(range(1, 31))
    assert server.most_under_way <= 4 < SLOTS


async def test_a_started_postman_forgets_what_is_too_old_for_the_log(
    points: Points, server: Server, certificate: Certificate
) -> None:
    await hook_at(points, server)
    await give(points)
    await deliver(points, certificate, Clock())
    clock = Clock()
    clock.now += timedelta(days=31)
    postman = Postman(points, clock, sender=senders(certificate))
    postman.start()
    async with asyncio.timeout(5):
        while await states(points):  # noqa: ASYNC110 - it says nothing when it has forgotten
            await asyncio.sleep(0.01)
    await postman.stop()


async def test_a_started_postman_delivers_when_woken_and_stops(
    points: Points, server: Server, certificate: Certificate
) -> None:
    await hook_at(points, server)
    postman = Postman(points, Clock(), sender=senders(certificate))
    postman.start()
    await give(points)
    postman.wake()
    async with asyncio.timeout(5):
        await server.arrived.wait()
    await postman.stop()

    assert await states(points) == [(DeliveryState.DELIVERED, 1, "HTTP 204")]


# ── the README's example ──


def example() -> Any:
    """Return the README's function that checks a signature."""
    below = README.partition("### Webhooks\n")[2]
    code = re.findall(r"^```python\n(.*?)^```", below, flags=re.M | re.S)[0]
    names: dict[str, Any] = {}
    exec(code, names)
    return names["is_genuine"]


async def test_the_example_in_the_readme_tells_genuine_deliveries_from_others() -> None:
    is_genuine = example()
    content, now = b'{"schema":1}', SOON.timestamp()
    header = signature("whsec_one", content, SOON)

    assert is_genuine("whsec_one", header, content, now)
    assert is_genuine("whsec_one", header, content, now + 299)
    assert not is_genuine("whsec_one", header, content, now + 301)
    assert not is_genuine("whsec_one", header, content + b" ", now)
    assert not is_genuine("whsec_two", header, content, now)
    for broken in ("", "t=1", "v1=00", f"t={int(now)},v1=00", f"t={int(now)},v1=ä", "t=x,v1=00"):
        assert not is_genuine("whsec_one", broken, content, now)


# ── command line ──


def test_an_operator_adds_lists_looks_sends_anew_and_removes(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTS_DATABASE_URL", database_url)

    def typed(*words: str) -> tuple[int, str, str]:
        ran = CliRunner().invoke(app, list(words))
        return ran.exit_code, ran.stdout, ran.stderr

    assert typed("webhook", "list")[1] == "There are no webhooks yet.\n"
    code, out, err = typed("webhook", "add", URL, "--topic", "transaction.recorded")
    assert (code, out.startswith("whsec_")) == (0, True)
    assert err.endswith("The secret will not be shown again.\n")
    assert typed("award", ADA, "5", "helped")[0] == 0
    assert typed("webhook", "list")[1] == f"  1. {URL}: transaction.recorded\n"
    assert "transaction.recorded:1: waits, due" in typed("webhook", "log")[1]
    (delivery,) = json.loads(typed("webhook", "log", "--webhook", "1", "--json")[1])
    assert (delivery["state"], delivery["attempts"]) == ("waiting", 0)
    assert "will be sent again" in typed("webhook", "replay", "1")[1]
    assert typed("webhook", "remove", "1")[1] == f"Webhook 1 for {URL} is removed.\n"
    assert typed("webhook", "log")[1].count("given up: the webhook was removed") == 1
    assert typed("webhook", "replay", "1")[0] == 1
    assert typed("webhook", "add", "http://hooks.example.org/")[0] == 1
