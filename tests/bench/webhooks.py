"""What a webhook costs a batch: the batch with one that is told, against the same batch where nobody is."""

from collections.abc import AsyncIterator

from points_core import webhooks
from tests.bench.awards import BATCH, Town, entries, opened
from tests.bench.filling import NOW, origin, shaped_books
from tests.bench.raw import copy
from tests.bench.suite import Bench, Figure, part


@part("webhooks")
async def told(bench: Bench) -> AsyncIterator[Figure]:
    """A batch that a webhook is told of, and one that nobody is told of; neither is delivered."""
    for size in [size for size in bench.sizes if size <= BATCH]:
        url = shaped_books(bench, size, size)
        batch = entries(min(size, BATCH))
        async with opened(copy(bench, url)) as hooked, opened(url) as plain:
            add = origin("bench-webhook", NOW)
            await hooked.write(webhooks.add, add, url="https://hooks.example.org/points")
            with_hook, without = Town(hooked, size), Town(plain, size)
            times = await bench.turns(
                ours=lambda town=with_hook, batch=batch: town.batch(batch),  # type: ignore[misc]
                plain=lambda town=without, batch=batch: town.batch(batch),  # type: ignore[misc]
            )
        yield times.figure(
            f"a batch of {len(batch):,} with a webhook",
            size,
            against="plain",
            baseline="the same, without one",
        )
