"""Linked Roles: members let Discord know their points and level, and servers give roles by them.

parts.py     the whole of it, where the host set it up; otherwise there is nothing
keys.py      what is sealed, and the visits of browsers, with keys made of the client secret
oauth.py     what is asked of Discord with a member's permission
metadata.py  what Discord is told there is to know: points and level
showing.py   what is shown there, brought up to date
doors.py     the addresses that browsers open
pages.py     what they see
check.py     the line of /points-setup
"""
