"""The lines of the log channel: one for each movement of points and each change."""

from bot.messages import changes, text
from bot.messages.changes import fitting
from points_core.audit import AuditEntry
from points_core.policy import Policy
from points_core.values import Kind, Receipt

MAX_LINE = 1_900  # below Discord's 2,000 characters for a message

_VERBS = {
    Kind.AWARD: "awarded",
    Kind.DEDUCTION: "deducted from",
    Kind.REDEMPTION: "redeemed for",
    Kind.TRANSFER: "transferred for",
    Kind.EXPIRY: "expired for",
    Kind.IMPORT: "imported for",
}


def movement(receipt: Receipt) -> str:
    """Return number, who, whom, how many, before and after, category, reason and link of a movement."""
    done = f"took back #{receipt.reverses} for" if receipt.kind is Kind.REVERSAL else _VERBS[receipt.kind]
    by = text.who(receipt.actor.user_id, receipt.actor.name or f"the {receipt.actor.kind.value}")
    parts = [
        f"**#{receipt.number}** {by} {done} {text.who(receipt.user_id, receipt.name)}: "
        f"**{text.signed(receipt.amount)}** ({_balance(receipt.before)} → {_balance(receipt.after)})",
        text.category(receipt.category) if receipt.category else "",
        text.shown(receipt.reason) if receipt.reason else "",
        f"<{receipt.evidence}>" if receipt.evidence else "",
        f"approved as request #{receipt.request}" if receipt.request else "",
    ]
    return " · ".join(filter(None, parts))


def _balance(balance: int) -> str:
    return f"{balance:,}".replace("-", text.MINUS)


def anchor(number: int, chain_head: bytes) -> str:
    """Return the line that fixes the books up to transaction `number` outside of the database."""
    return f"⚓ The books up to **#{number}** are sealed by `{number}:{chain_head.hex()}`"


def change(entry: AuditEntry, rules: Policy | None = None) -> str:
    """Return who changed what, before → after; `rules` to call categories by their names."""
    did = fitting(changes.did(entry, rules).split("; "), MAX_LINE, "; ")
    return f"⚙️ {changes.actor(entry)} {did} (change {entry.number})"
