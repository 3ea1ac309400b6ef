"""Commands about webhooks: add, remove, list, the delivery log, sending anew."""

from typing import Annotated

import typer

from points_core import webhooks
from points_core.cli.running import AsJson, Community, Key, community_of, origin, run, say, say_json
from points_core.database import Opening, Points
from points_core.webhooks import Delivery, DeliveryState, Hook, Topic

Number = Annotated[int, typer.Argument(help="The webhook's number.", min=1)]


def add(
    url: Annotated[str, typer.Argument(help="An https address that is reachable from everywhere.")],
    topic: Annotated[
        list[Topic] | None,
        typer.Option("--topic", help="What it is told about; repeat for more. All if not given."),
    ] = None,
    community: Community = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Have an address told what happens. Its secret is shown once."""

    async def work(points: Points) -> Hook:
        return await points.write(
            webhooks.add, origin(points, community, key), url=url, topics=topic or tuple(Topic)
        )

    made = run(work)
    if as_json:
        say_json({**_plain(made), "secret": made.secret})
        return
    if made.secret is not None:
        say(made.secret)
    typer.echo(
        f"Webhook {made.number} for {made.url}, in community {made.community}. "
        + ("It was there before." if made.replayed else "The secret will not be shown again."),
        err=True,
    )


def remove(number: Number, community: Community = None) -> None:
    """Tell an address nothing more, also not what waits for it."""

    async def work(points: Points) -> Hook:
        return await points.write(webhooks.remove, origin(points, community, None), number)

    removed = run(work)
    say(f"Webhook {removed.number} for {removed.url} is removed.")


def listed(community: Community = None, as_json: AsJson = False) -> None:
    """Show the addresses that are told what happens, and about what."""

    async def work(points: Points) -> tuple[Hook, ...]:
        return await points.read(webhooks.listed, community_of(points, community))

    found = run(work, Opening.CURRENT)
    if as_json:
        say_json([_plain(hook) for hook in found])
        return
    for hook in found:
        say(f"{hook.number:>3}. {hook.url}: {', '.join(hook.topics)}")
    if not found:
        say("There are no webhooks yet.")


def log(
    webhook: Annotated[int | None, typer.Option(help="Of this webhook only.", min=1)] = None,
    before: Annotated[int | None, typer.Option(help="Older than this delivery.", min=1)] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1_000)] = 20,
    community: Community = None,
    as_json: AsJson = False,
) -> None:
    """Show the latest deliveries, newest first: what arrived, what waits, what was given up and why."""

    async def work(points: Points) -> tuple[Delivery, ...]:
        return await points.read(
            webhooks.deliveries,
            community_of(points, community),
            webhook=webhook,
            before=before,
            limit=limit,
        )

    found = run(work, Opening.CURRENT)
    if as_json:
        say_json(found)
        return
    for delivery in found:
        say(line(delivery))
    if not found:
        say("Nothing was delivered yet.")


def replay(
    delivery: Annotated[int, typer.Argument(help="The delivery's number in the log.", min=1)],
    community: Community = None,
) -> None:
    """Send a delivery anew, with the same event and signed afresh."""

    async def work(points: Points) -> Delivery:
        return await points.write(webhooks.replay, origin(points, community, None), delivery)

    again = run(work)
    say(f"Delivery {again.id} ({again.event}) will be sent again.")


def line(delivery: Delivery) -> str:
    """Return one delivery as one line."""
    tries = f"{delivery.attempts} attempt{'' if delivery.attempts == 1 else 's'}"
    if delivery.state is DeliveryState.WAITING:
        state = f"waits, due {delivery.due_at:%Y-%m-%d %H:%M:%S} UTC"
        state += f" ({delivery.outcome})" if delivery.outcome else ""
    elif delivery.state is DeliveryState.DELIVERED:
        state = f"delivered ({delivery.outcome})"
    else:
        state = delivery.outcome or delivery.state.value
    return f"{delivery.id:>6}. webhook {delivery.webhook}, {delivery.event}: {state}; {tries}"


def _plain(hook: Hook) -> dict[str, object]:
    return {
        "number": hook.number,
        "community": hook.community,
        "url": hook.url,
        "topics": [topic.value for topic in hook.topics],
        "created_at": hook.created_at,
    }
