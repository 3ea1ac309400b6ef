"""What moves points by itself: seen before it acts, explained after it acted, taken back as a whole.

facts.py        what happened outside
definition.py   what a rule is: trigger, conditions, amount, limits
"""
