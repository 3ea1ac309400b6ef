"""What moves points by itself: seen before it acts, explained after it acted, taken back as a whole.

facts.py        what happened outside
definition.py   what a rule is: trigger, conditions, amount, limits
conditions.py   whether a fact meets a condition, and what was seen
matching.py     which rules care about a fact, and why
limits.py       what a rule gives for a fact after what it gave before
checking.py     what a definition has to be before it is kept
trial.py        what a rule would have given, played in memory
sentences.py    a rule as one plain sentence
recipes.py      rules to begin from
"""
