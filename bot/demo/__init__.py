"""The demo: the real bot and the real core, in a simulated Discord that is shown in the browser.

world.py           the server Open Garden: its people, roles and channels
faces.py           everybody's picture
story.py           what happened there before you came
member_counts.py   what simcord does not answer by itself
embeds.py          what its page does not show by itself
refused.py         what is no failure of the bot's
serve.py           the page, the clock, and what to try
"""

from bot.demo.serve import run_demo

__all__ = ["run_demo"]
