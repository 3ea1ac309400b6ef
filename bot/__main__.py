"""The commands at the host: `points-bot run`, `demo` and `health`; `python -m bot` alone runs."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from points_core.shards import Shards

main = typer.Typer(name="points-bot", add_completion=False, pretty_exceptions_enable=False)


@main.callback(invoke_without_command=True)
def default(context: typer.Context) -> None:
    """Points for a Discord community. Without a command: run the bot."""
    if context.invoked_subcommand is None:
        run()


def _shards(text: str | None) -> Shards | None:
    try:
        return Shards.parse(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@main.command()
def run(
    shards: Annotated[
        str | None,
        typer.Option(
            help="This process's shards and how many there are, such as 0-3/16, or auto; POINTS_SHARDS."
        ),
    ] = None,
) -> None:
    """Connect to Discord with DISCORD_TOKEN and serve until stopped."""
    ours = _shards(shards)
    from bot.run import run as serve

    raise typer.Exit(asyncio.run(serve(ours)))


@main.command()
def demo(
    database: Annotated[
        Path | None, typer.Option(help="The SQLite file that keeps the points; a temporary one if not given.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Where the page is served; 0 for any free port.")
    ] = 8000,
    check: Annotated[
        bool, typer.Option("--check", help="Tell the story, say what came of it, and end.")
    ] = False,
    browse: Annotated[bool, typer.Option("--browse", help="Open the page in the browser.")] = False,
) -> None:
    """Show the bot at work in a simulated Discord, in the browser; nothing to configure."""
    from bot.demo import run_demo

    raise typer.Exit(asyncio.run(run_demo(database=database, port=port, check=check, browse=browse)))


@main.command()
def health() -> None:
    """Say whether a bot of this account runs here and is connected; ends with 1 if not."""
    from bot.health import STALE_S, seconds_since_beat

    silent = seconds_since_beat()
    alive = silent is not None and silent <= STALE_S
    typer.echo("never heard" if silent is None else f"last heard {silent:.0f} s ago")
    raise typer.Exit(0 if alive else 1)


if __name__ == "__main__":
    main()
