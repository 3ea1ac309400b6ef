"""What /privacy answers; all of it is private."""

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import discord

from bot.messages import text
from bot.messages.text import Reply
from points_core.links import Ended
from points_core.privacy import Copy, Wish, document

CONFIRMATION = "ERASE"
ALONE = "Only you see this: they are hidden from boards."
MAX_FILES = 8 * 1024 * 1024  # bytes in one message; Discord takes 10 MB

STAYS = (
    "Your name, your id and every reason and link about you will be gone. The points you got stay in the "
    "sums as those of someone erased, and what you wrote about others stays theirs. "
    "If you get points afterwards, you begin at 0."
)

BROUGHT = (
    "Everything that is kept about you here, to read (.txt) and for programs (.json). "
    "Other people's ids are left out."
)
TOO_LARGE = "What is kept about you is too large for a message. Whoever runs this bot can give it to you."


def form_hint(days: int) -> str:
    """Return the line over the field for the confirmation, at most 100 characters."""
    when = "At once" if days == 0 else f"In {days} {'day' if days == 1 else 'days'}"
    return f"{when}, and for good: your points stay behind nameless, you begin at 0."


def not_confirmed() -> Reply:
    """Return that nothing happens without the word."""
    return Reply(
        content=f"Nothing was changed: `/privacy erase` needs the word {CONFIRMATION}, in capitals.",
        ephemeral=True,
    )


def asked(wish: Wish) -> Reply:
    """Return that an erasure waits, from when on, and how to take it back."""
    already = "You asked for this before. " if wish.replayed else ""
    return Reply(
        content=f"{already}You will be erased here {text.when(wish.due_at)} ({text.when(wish.due_at, 'f')}). "
        f"Until then `/privacy cancel` takes it back.\n{STAYS}\n"
        "What I posted in channels before is Discord's; moderators can delete it there. "
        "Backups made before keep it until they are thrown away.",
        ephemeral=True,
    )


def cancelled() -> Reply:
    """Return that an erasure was taken back."""
    return Reply(content="Taken back: you will not be erased. Nothing was changed.", ephemeral=True)


def hidden(*, new: bool) -> Reply:
    """Return that somebody is hidden from boards."""
    done = "You are hidden from boards now" if new else "You are hidden from boards already"
    return Reply(
        content=f"{done}: your line says “a hidden member”, so that everybody else's rank stays true. "
        "Boards posted before are not changed. `/privacy show` puts your name back.",
        ephemeral=True,
    )


def shown(*, new: bool) -> Reply:
    """Return that somebody is named on boards."""
    done = "You are named on boards again." if new else "You are named on boards already."
    return Reply(content=done, ephemeral=True)


def unlinked(ended: Ended | None, *, waits: bool, can_tell: bool) -> str:
    """Return that a link was ended; `waits`: Discord is still to be told. `can_tell`: it can be told at all."""
    if ended is None and not waits:
        return "Your account is not linked: Discord's linked roles know nothing of your points from here."
    if ended is not None and ended.lost:
        return (
            "The link had broken off before; what was left of it is gone. If an old number still shows in Discord: "
            "User Settings → Authorized Apps → remove me there."
        )
    if not waits:
        return "Unlinked: Discord forgot your points, and I gave the permission back."
    soon = "I tell Discord as soon as it answers. " if can_tell else ""
    return (
        f"Unlinked: no change of your points goes to Discord any more. {soon}"
        "To be rid of what it shows at once: User Settings → Authorized Apps → remove me there."
    )


def untracked(*, new: bool) -> Reply:
    """Return that rules take no notice of somebody."""
    done = "Rules take no notice of what you do" + (" from now on" if new else " already")
    return Reply(
        content=f"{done}: nothing of it is recorded, and it earns nothing, nor does what others do with you. "
        "People can still award you, and `/check-in` still counts. What rules noticed before is forgotten "
        "after 90 days. `/privacy track` takes part again.",
        ephemeral=True,
    )


def tracked(*, new: bool) -> Reply:
    """Return that rules notice somebody."""
    done = "Rules notice what you do again." if new else "Rules notice what you do already."
    return Reply(content=done, ephemeral=True)


def copy(found: Copy, told: str) -> tuple[str, list[discord.File]]:
    """Return the answer that brings the copy: as text and as JSON. Takes seconds for a long history."""
    return bringing(document(found), told, found.made_at)


def bringing(values: Mapping[str, Any], told: str, made_at: datetime) -> tuple[str, list[discord.File]]:
    """Return the answer that brings a copy's JSON values and text, zipped if they are large."""
    name = f"points-{made_at:%Y-%m-%d}"
    contents = {
        f"{name}.txt": told.encode(),
        f"{name}.json": json.dumps(values, ensure_ascii=False, indent=1).encode(),
    }
    if _size(contents) > MAX_FILES:
        contents = {f"{name}.zip": _zipped(contents)}
    if _size(contents) > MAX_FILES:
        return TOO_LARGE, []
    return BROUGHT, [discord.File(io.BytesIO(content), file) for file, content in contents.items()]


def _size(contents: Mapping[str, bytes]) -> int:
    return sum(map(len, contents.values()))


def _zipped(contents: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return packed.getvalue()
