"""The way in that speaks Discord: people's commands, buttons and reactions in, messages out.

── the process ──
__main__.py      `points-bot run`, `points-bot demo`, `points-bot health`
run.py           open the books, stay connected, stop in order
logs.py          what the host reads
health.py        a heartbeat for the host's health check
client.py        the bot: intents, parts, start and stop
sharded.py       the same on several connections, in one process or in several
unreadable.py    an event that cannot be read is left out
sync.py          the commands, sent to Discord only when they changed
demo/            the bot and a simulated Discord, in the browser
── what happens by itself ──
ticker.py        what time brings: expiry, schedules, seasons
keeping.py       the books verified, anchored, backed up
forgetting.py    erasures that are due, and who left
courier.py       effects that must happen, delivered from the outbox
granting.py      roles given and taken, and what stands in the way
linked_roles/    members' points as Discord's roles may ask for them
posting.py       a post whose answer was lost is looked for before it is sent again
listeners/       what rules hear of: events of Discord become facts
facts.py         messages and reactions in the words of rules
── what people ask for ──
cogs/            commands, menus, reactions; one file for one kind of asking
giving.py        asking for points to move, by command, form or second try
announcing.py    a movement is announced, whatever becomes of the answer
undo.py          taking a movement back: button, form, act
pages.py         pages of the history, turned by buttons
voting.py        one moderator's yes or no, and the buttons under a card
cards.py         the cards of approval requests, in Discord
policy_changes.py  one change of the policy, with what it was before
programme.py     what takes points from members: shown first, then carried out
rule_editor/     a rule changed from Discord: its card, its forms, its trial
rank_card.py     a member's rank card, drawn
lettering.py     a line of any script, and emoji, as a picture
rank_facts.py    what stands on it
proposals.py     a change shown before it is made: levels, badges
programme_levels.py  /programme levels
rights.py        which roles may do what
reporting.py     a report read and drawn aside, as a message
batches.py       taking a batch back: button, form, act
pages.py         pages of the history, and the buttons that turn them
suggestions.py   what is offered while somebody types
self_check.py    what the bot needs in a server, and what of it is missing
── the borders ──
origin.py        an interaction becomes an Origin
checks.py        who may do what
payloads.py      what a command was sent, held against what it declares
replies.py       an answer survives one broken connection
refusals.py      errors become words, for every door
worn.py          buttons that cannot be read any more
messages/        values become messages

Everything here asks the core and says what happened; nothing here decides about points.
"""
