"""The bot's floor plan, in the docstring of its package, names every room."""

from pathlib import Path

import bot


def test_every_module_and_folder_is_on_the_floor_plan() -> None:
    folder = Path(bot.__file__).parent
    rooms = {path.name for path in folder.glob("*.py") if path.name != "__init__.py"}
    rooms |= {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}

    assert bot.__doc__ is not None
    assert sorted(room for room in rooms if room not in bot.__doc__) == []


def test_every_room_on_the_floor_plan_is_there() -> None:
    folder = Path(bot.__file__).parent
    assert bot.__doc__ is not None
    named = {word for word in bot.__doc__.split() if word.endswith((".py", "/"))}

    assert sorted(room for room in named if not (folder / room).exists()) == []
