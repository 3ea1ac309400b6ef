"""Changing a rule from Discord: a card under which each part has its menu and its form.

fields.py   what a form can ask for
parts.py    the parts of a rule: what their forms ask, what the answers make of the rule
triggers.py the same for what sets a rule off
asking.py   the same for its conditions
beginning.py a new rule, from a recipe or from its trigger
trying.py   what a rule would have given; history.py reads it out of Discord's own
undoing.py  what a rule gave, taken back
card.py     the card, its menus and buttons; they outlive restarts, as the rule's number is all they need
"""
