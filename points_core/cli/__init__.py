"""The way in for operators: `points …`, on the database that POINTS_DATABASE_URL names.

running.py     settings, one open database per command, exit codes
moving.py      award, deduct, undo
reading.py     balance, history, leaderboard
reports.py     report
seasons.py     season start, list, show, end
achieving.py   achievements, badge list, add, preset, retire
levels.py      programme levels, preview, preset
ruling.py      rule list, show, recipes, create, edit, mode, history, try, undo, why
expiring.py    programme show, expiry, decay, streaks, run
exporting.py   export
importing.py   import, batch list, batch undo
operating.py   db upgrade, verify, doctor
copying.py     db copy
keeping.py     backup, restore
tokens.py      token create, list, revoke
webhooks.py    webhook add, remove, list, log, replay
serving.py     serve
privacy.py     privacy export, erase, cancel, hide, show, untrack, track, due
typed.py       what may be typed, how a command ends that fails
words.py       what an error says to an operator

Exit codes: 0 done, 1 refused or not in order, 2 wrong usage, settings or an unusable database.
"""

import typer

from points_core.cli import (
    achieving,
    copying,
    expiring,
    exporting,
    importing,
    keeping,
    levels,
    moving,
    operating,
    privacy,
    reading,
    reports,
    ruling,
    seasons,
    serving,
    tokens,
    webhooks,
)
from points_core.cli.typed import Commands, answer_in_any_encoding

app = typer.Typer(
    name="points",
    help="Points of a community: award, look up, verify.",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
database = typer.Typer(help="The database itself.", no_args_is_help=True)
app.add_typer(database, name="db")

season = typer.Typer(help="Seasons, each sealed when it is over.", no_args_is_help=True)
app.add_typer(season, name="season")

for movement in (moving.award, moving.deduct):
    app.command(cls=moving.Moving)(movement)
for operation in (
    moving.undo,
    reading.balance,
    reading.history,
    reading.leaderboard,
    reports.report,
    serving.serve,
    operating.verify,
    operating.doctor,
    keeping.backup,
    keeping.restore,
):
    app.command()(operation)
database.command()(operating.upgrade)
database.command()(copying.copy)
season.command()(seasons.start)
season.command("list")(seasons.listed)
season.command()(seasons.show)
season.command()(seasons.end)

app.command("achievements")(achieving.of)
badge = typer.Typer(help="Badges: what members can earn.", no_args_is_help=True)
app.add_typer(badge, name="badge")
badge.command("list")(achieving.listed)
badge.command()(achieving.add)
badge.command()(achieving.preset)
badge.command()(achieving.retire)

rule = typer.Typer(help="Rules: what gives points by itself.", no_args_is_help=True)
app.add_typer(rule, name="rule")
rule.command("list")(ruling.list_)
rule.command()(ruling.show)
rule.command()(ruling.recipes)
rule.command()(ruling.create)
rule.command()(ruling.edit)
rule.command()(ruling.mode)
rule.command()(ruling.history)
rule.command("try")(ruling.try_)
rule.command()(ruling.undo)
rule.command()(ruling.why)

programme = typer.Typer(
    help="The programme: levels, expiry, decay, streaks; off until switched on.", no_args_is_help=True
)
app.add_typer(programme, name="programme")
programme.command()(levels.levels)
programme.command()(levels.preview)
programme.command()(levels.preset)
programme.command()(expiring.show)
programme.command()(expiring.expiry)
programme.command()(expiring.decay)
programme.command()(expiring.streaks)
programme.command("run")(expiring.carry_out)

token = typer.Typer(help="Tokens for programs that use the HTTP API.", no_args_is_help=True)
app.add_typer(token, name="token")
token.command()(tokens.create)
token.command("list")(tokens.listed)
token.command()(tokens.revoke)

webhook = typer.Typer(help="Webhooks: addresses that are told what happens.", no_args_is_help=True)
app.add_typer(webhook, name="webhook")
webhook.command()(webhooks.add)
webhook.command()(webhooks.remove)
webhook.command("list")(webhooks.listed)
webhook.command()(webhooks.log)
webhook.command()(webhooks.replay)

personal = typer.Typer(help="Personal data: a copy for a member, erasing, hiding.", no_args_is_help=True)
app.add_typer(personal, name="privacy")
personal.command()(privacy.export)
personal.command()(privacy.erase)
personal.command()(privacy.cancel)
personal.command()(privacy.hide)
personal.command()(privacy.show)
personal.command()(privacy.untrack)
personal.command()(privacy.track)
personal.command()(privacy.due)

app.command()(exporting.export)
app.command("import")(importing.import_)
batch = typer.Typer(help="Transactions made together, and undone together.", no_args_is_help=True)
app.add_typer(batch, name="batch")
batch.command("list")(importing.batches)
batch.command("undo")(importing.undo_batch)


def main() -> None:
    """Run the `points` command."""
    answer_in_any_encoding()
    app(prog_name="points")
