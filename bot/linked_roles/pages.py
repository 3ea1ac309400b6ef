"""What a browser sees: one plain page, which loads nothing and runs nothing."""

import base64
import hashlib
import html
from typing import Final

from starlette.responses import HTMLResponse

STYLE: Final = """
:root { color-scheme: light dark }
body { font: 18px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1rem }
h1 { font-size: 1.5rem }
"""
_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
}

BEGIN_AGAIN: Final = '<a href="/linked-roles">Begin again</a>'
BACK: Final = "You can close this page and go back to Discord."
NOTHING: Final = "Nothing was linked."


def page(status: int, title: str, *paragraphs: str, again: bool = False) -> HTMLResponse:
    """Return a page; everything on it is text, whatever stands in it. `again` offers to begin anew."""
    told = "".join(f"<p>{html.escape(each)}</p>" for each in paragraphs)
    told += f"<p>{BEGIN_AGAIN}.</p>" if again else ""
    heading = html.escape(title)
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{heading}</title><style>{STYLE}</style><h1>{heading}</h1>{told}</html>",
        status,
        headers=HEADERS,
    )


def linked(place: str, points: int | None, level: int | None) -> HTMLResponse:
    """Return that it worked, and what Discord shows now; None if it could not be told yet."""
    if points is None or level is None:
        told = "Discord could not be told your points yet; that happens by itself, within minutes as a rule."
    else:
        word = "point" if points == 1 else "points"
        told = f"Discord knows of {points:,} {word} and level {level} now, and hears of every change."
    undo = "To end it: /privacy unlink in the server, or Discord's settings, under Authorized Apps."
    return page(200, f"Linked with {place}", told, BACK, undo)


def declined() -> HTMLResponse:
    """Return that the member said no at Discord."""
    return page(403, "Not linked", "You did not allow it at Discord.", NOTHING, again=True)


def no_visit() -> HTMLResponse:
    """Return that this browser did not begin here, or too long ago, or has been here before."""
    return page(
        400,
        "That did not fit together",
        "This page belongs to a visit that begins here, in this browser, and is over after ten minutes or one use.",
        NOTHING,
        again=True,
    )


def not_taken() -> HTMLResponse:
    """Return that Discord did not take the code."""
    return page(
        400, "Not linked", "Discord did not confirm it: the confirmation was used or ran out.", again=True
    )


def not_set_up() -> HTMLResponse:
    """Return that the host has something to do first; what it is stands in the log."""
    why = "Whoever runs this bot has something to put right first; its log and `points doctor` say what."
    return page(503, "Not now", why, NOTHING)


def trouble() -> HTMLResponse:
    """Return that Discord, or the books, cannot be asked right now."""
    return page(503, "Not now", "Discord or the books cannot be reached right now.", NOTHING, again=True)


def busy() -> HTMLResponse:
    """Return that too many people link at this moment."""
    return page(429, "One moment", "Too many people are linking right now.", NOTHING, again=True)
