"""What was changed about a rule, for the log channel and the audit list: one line, as the end of a sentence."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from bot.messages import text
from points_core.audit import AuditEntry
from points_core.rules.definition import Definition
from points_core.rules.sentences import Named, sentence

MAX_SENTENCE: Final = 250  # characters of what a rule does


def _rule(entry: AuditEntry) -> str:
    return f"rule **#{text.shown(entry.target, 20)}**"


def _sentence(entry: AuditEntry) -> str:
    """Return what a rule does after the change; its sentences are all one, as lines are cut at semicolons."""
    try:
        definition = Definition.model_validate((entry.after or {}).get("definition"))
    except ValidationError:
        return "something that this bot does not know"
    words = sentence(definition, _names(entry.after or {})).replace("; ", ", ")
    return words if len(words) <= MAX_SENTENCE else words[: MAX_SENTENCE - 1].rstrip() + "…"


def _names(document: Mapping[str, Any]) -> Callable[[Named, str], str]:
    categories = {str(each["id"]): each["name"] for each in document.get("categories", ())}

    def named(kind: Named, word: str) -> str:
        if kind is Named.CHANNEL:
            return f"<#{word}>"
        if kind is Named.ROLE:
            return f"<@&{word}>"
        if kind is Named.CATEGORY:
            return text.shown(categories.get(word, f"category {word}"), 50)
        return text.shown(word, 20)

    return named


def _undone(entry: AuditEntry) -> str:
    after = entry.after or {}
    version = f", version {after['version']}," if "version" in after else ""
    span = "".join(
        f" {word} {text.shown(str(after[word]), 30)}" for word in ("since", "until") if word in after
    )
    batch = f" as **batch {after['batch']}**" if "batch" in after else ""
    return f"took back what {_rule(entry)}{version} gave{span}{batch}"


def _called(document: Mapping[str, Any] | None) -> str:
    return f"**{text.shown((document or {}).get('name'), 50)}**"


RULES: Final[dict[str, Callable[[AuditEntry], str]]] = {
    "rule.create": lambda entry: f"made {_rule(entry)} {_called(entry.after)}: {_sentence(entry)}",
    "rule.edit": lambda entry: f"changed {_rule(entry)}: {_sentence(entry)}",
    "rule.rename": lambda entry: f"renamed {_rule(entry)} {_called(entry.before)} → {_called(entry.after)}",
    "rule.draft": lambda entry: f"made {_rule(entry)} a draft again",
    "rule.shadow": lambda entry: f"switched {_rule(entry)} to shadow",
    "rule.live": lambda entry: f"switched {_rule(entry)} on",
    "rule.paused": lambda entry: f"paused {_rule(entry)}",
    "rule.retired": lambda entry: f"retired {_rule(entry)} for good",
    "rule.undo": _undone,
}
"""How each action on a rule is said."""
