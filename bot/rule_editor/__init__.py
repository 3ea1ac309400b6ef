"""Changing a rule from Discord: a card under which each part has its menu and its form.

fields.py   what a form can ask for
parts.py    the parts of a rule: what their forms ask, what the answers make of the rule
triggers.py the same for what sets a rule off
asking.py   the same for its conditions
card.py     the card, its menus and buttons; they outlive restarts, as the rule's number is all they need
"""
