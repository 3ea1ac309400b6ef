"""The way in for operators: `points …`, on the database that POINTS_DATABASE_URL names.

running.py     settings, one open database per command, exit codes
moving.py      award, deduct, undo
reading.py     balance, history, leaderboard
seasons.py     season start, list, show, end
operating.py   db upgrade, verify, doctor
tokens.py      token create, list, revoke
serving.py     serve
words.py       what an error says to an operator

Exit codes: 0 done, 1 refused or not in order, 2 wrong usage, settings or an unusable database.
"""

import typer

from points_core.cli import moving, operating, reading, seasons, serving, tokens

app = typer.Typer(
    name="points",
    help="Points of a community: award, look up, verify.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
database = typer.Typer(help="The database itself.", no_args_is_help=True)
app.add_typer(database, name="db")

season = typer.Typer(help="Seasons, each sealed when it is over.", no_args_is_help=True)
app.add_typer(season, name="season")

for operation in (
    moving.award,
    moving.deduct,
    moving.undo,
    reading.balance,
    reading.history,
    reading.leaderboard,
    serving.serve,
    operating.verify,
    operating.doctor,
):
    app.command()(operation)
database.command()(operating.upgrade)
season.command()(seasons.start)
season.command("list")(seasons.listed)
season.command()(seasons.show)
season.command()(seasons.end)

token = typer.Typer(help="Tokens for programs that use the HTTP API.", no_args_is_help=True)
app.add_typer(token, name="token")
token.command()(tokens.create)
token.command("list")(tokens.listed)
token.command()(tokens.revoke)


def main() -> None:
    """Run the `points` command."""
    app(prog_name="points")
