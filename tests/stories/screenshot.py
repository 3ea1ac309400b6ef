"""Opens the demo's page in Chromium and awards points there, as a visitor would.

    python -m tests.stories.screenshot docs/demo.png

makes the README's picture; test_demo.py runs the same steps.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMIUM_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SIZE = {"width": 1000, "height": 1240}  # pixels: room for a board, a card and an announcement
PATIENCE_MS = 15_000  # for one step on the page, on a slow machine
CALM_LOOKS = 3  # how often in a row the page has to say it is ready before the next step
REASON = "Painted the garden fence"


def award_in_the_page(picture: Path | None = None) -> str:
    """Start the demo, award 20 points to Zoë as Ada by typing, and stop the demo with SIGTERM.

    picture: where to save what the page then looks like.
    Returns the text of the bot's answer as the page shows it.
    """
    with _demo() as address, _page(address) as page:
        _view_as(page, "Grace")
        _view_as(page, "Ada")
        _type_award(page, member="Zoë", amount="20", reason=REASON, category="helping")
        answer = page.locator("#channel-message-list > *", has_text=REASON).last
        answer.wait_for()
        _calm(page)
        if picture is not None:
            _take(page, picture)
        return answer.inner_text()


@contextmanager
def _demo() -> Iterator[str]:
    """Run `python -m bot demo`; yields the page's address, and checks that the demo stops cleanly."""
    command = [sys.executable, "-m", "bot", "demo", "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as demo:
        try:
            yield _address(demo)
        finally:
            demo.terminate()
            said = demo.communicate()[0]
    if demo.returncode != 0:
        raise AssertionError(f"the demo ended with {demo.returncode}: {said}")


def _address(demo: "subprocess.Popen[str]") -> str:
    assert demo.stdout is not None
    said = []
    for line in demo.stdout:
        said.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+/#\S+", line):
            return found[0]
    raise AssertionError("the demo gave no address: " + "".join(said))


@contextmanager
def _page(address: str) -> "Iterator[Page]":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        try:
            page = browser.new_page(viewport={"width": SIZE["width"], "height": SIZE["height"]})
            page.set_default_timeout(PATIENCE_MS)
            page.goto(address)
            page.locator("#channel-message-list article").first.wait_for()
            _calm(page)
            yield page
        finally:
            browser.close()


def _calm(page: "Page") -> None:
    """Wait until the page has nothing left to do; it publishes itself once more right after it opens."""
    ready = 0
    for _ in range(PATIENCE_MS // 100):
        page.wait_for_timeout(100)
        calm = page.evaluate("window.simcordPreview.ready && window.simcordPreview.publishedRevision > 1")
        ready = ready + 1 if calm else 0
        if ready == CALM_LOOKS:
            return
    raise AssertionError("the page did not come to rest")


def _view_as(page: "Page", name: str) -> None:
    page.get_by_label("Viewing as").select_option(label=name)
    _calm(page)


def _type_award(page: "Page", *, member: str, amount: str, reason: str, category: str) -> None:
    """Type /award into the composer the way the page teaches it: pick, fill in, pick, send."""
    page.locator("#channel-composer-input").press_sequentially("/award")
    page.locator(".command-popup [role=option]").first.wait_for()
    page.keyboard.press("Enter")
    page.locator("input[data-option=member]").press_sequentially(member)
    page.locator(".command-popup [role=option]", has_text=member).click()
    page.locator("input[data-option=amount]").fill(amount)
    page.locator("input[data-option=reason]").fill(reason)
    page.locator(".command-ghost").click()
    page.locator(".command-popup [role=option]", has_text="category").click()
    # what the bot offers appears as one types
    page.locator("input[data-option=category]").press_sequentially(category[:4])
    page.locator(".command-popup [role=option]", has_text=category).click()
    page.locator("#send-message").click()


def _take(page: "Page", picture: Path) -> None:
    page.locator("#messages-toggle").click()  # the list of messages at the side says nothing new
    _calm(page)
    page.locator("#channel-timeline").evaluate("timeline => { timeline.scrollTop = timeline.scrollHeight }")
    page.mouse.move(0, 0)
    page.wait_for_timeout(300)  # for the page's own movements to end
    picture.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=picture)


if __name__ == "__main__":
    print(award_in_the_page(Path(sys.argv[1])))
