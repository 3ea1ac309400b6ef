"""A page's place in the history is written into a button's id, and read back."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.pages import Turn, TurnButton

SNOWFLAKES = st.integers(1, 2**64 - 1)
DAYS = st.none() | st.dates(date(1970, 1, 1), date(9998, 12, 31))


@given(
    st.builds(
        Turn,
        caller=SNOWFLAKES,
        member=st.none() | SNOWFLAKES,
        giver=st.none() | SNOWFLAKES,
        category=st.none() | st.integers(1, 200),
        since=DAYS,
        until=DAYS,
        before=st.none() | st.integers(1, 2**53),
    )
)
def test_what_is_written_is_read_back_and_fits_a_buttons_id(turn: Turn) -> None:
    button = TurnButton(turn).item

    assert button.custom_id is not None
    assert len(button.custom_id) <= 100
    assert Turn.read(turn.written()) == turn
    assert button.label == ("Newest" if turn.before is None else "Older")


@pytest.mark.parametrize(
    "custom_id", ["points:history:", "points:history:g:::::", "points:history:1:2", "points:undo:1"]
)
def test_other_ids_are_not_pages(custom_id: str) -> None:
    assert not TurnButton.__discord_ui_compiled_template__.fullmatch(custom_id)
