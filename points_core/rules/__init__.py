"""What moves points by itself: seen before it acts, explained after it acted, taken back as a whole.

facts.py        what happened outside
definition.py   what a rule is: trigger, conditions, amount, limits
conditions.py   whether a fact meets a condition, and what was seen
matching.py     which rules care about a fact, and why
limits.py       what a rule gives for a fact after what it gave before
checking.py     what a definition has to be before it is kept
shapes.py       conditions that people put together step by step
trial.py        what a rule would have given, played in memory
sentences.py    a rule as one plain sentence
recipes.py      rules to begin from
stored.py       a rule's life; reading.py reads it back, amending.py changes one part
firing.py       facts are told, rules decide, points move; desk.py is where they do
keeping.py      facts kept for a while; earlier.py what was decided about them
usage.py        what was given before; tally.py in all; outcomes.py what became of a fact
days.py         active days and streaks; standing.py what the books know of members
slots.py        turns of rules that wait for a time
undoing.py      what a rule gave, taken back as a whole; groundless.py what goes with it, beside.py what stays
why.py          why points were given, or not
"""

from points_core.rules.amending import amend
from points_core.rules.beside import Beside
from points_core.rules.definition import Definition, OnEventAttended, OnSchedule, OnVoice, Rule
from points_core.rules.facts import Fact, On
from points_core.rules.firing import fire
from points_core.rules.keeping import forget, kept
from points_core.rules.matching import Compiled
from points_core.rules.outcomes import Fired, Outcome, Result
from points_core.rules.reading import RuleView, VersionView, changes, compiled, get, history, listed
from points_core.rules.slots import DueSlot, due_slots, slot_done
from points_core.rules.stored import create, edit, rename, set_mode
from points_core.rules.tally import Tally, tally
from points_core.rules.undoing import Undone, leaves, undo

__all__ = [
    "Beside",
    "Compiled",
    "Definition",
    "DueSlot",
    "Fact",
    "Fired",
    "On",
    "OnEventAttended",
    "OnSchedule",
    "OnVoice",
    "Outcome",
    "Result",
    "Rule",
    "RuleView",
    "Tally",
    "Undone",
    "VersionView",
    "amend",
    "changes",
    "compiled",
    "create",
    "due_slots",
    "edit",
    "fire",
    "forget",
    "get",
    "history",
    "kept",
    "leaves",
    "listed",
    "rename",
    "set_mode",
    "slot_done",
    "tally",
    "undo",
]
