"""What rules hear of a server: events of Discord become facts, and facts are acted on.

rulebook.py    each server's rules in memory; a fact that no rule cares about costs no database
presence.py    who was in a voice channel for how long, as rules count it
people.py      who somebody is when Discord's event does not say it: roles, account, whether a bot
returning.py   who is here again, and gets their roles again

The cogs activity, attendance, memberships and solutions listen; nothing here decides about points.
"""
