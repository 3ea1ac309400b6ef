"""The conditions that people put together step by step: some that have to be so, some that must not be so.

shape(definition.when)            # None where groups stand within groups in another way
condition(replace(shape, ...))    # and back
"""

from dataclasses import dataclass, replace

from points_core.rules.definition import AllOf, AnyOf, Condition, NoneOf

_GROUPS = (AllOf, AnyOf, NoneOf)


@dataclass(frozen=True, slots=True)
class Shape:
    """Conditions without groups in them: all (or, with `one_is_enough`, any) of `so`, and none of `not_so`."""

    so: tuple[Condition, ...] = ()
    not_so: tuple[Condition, ...] = ()
    one_is_enough: bool = False


def shape(when: Condition | None) -> Shape | None:
    """Return the shape of a definition's conditions; None for those that have none."""
    found = _shape(when)
    return found if found is not None and _plain(found) else None


def condition(wanted: Shape) -> Condition | None:
    """Return the shape as a definition has it; None for no condition at all."""
    so: tuple[Condition, ...] = wanted.so
    if wanted.one_is_enough and len(so) > 1:
        so = (AnyOf(of=so),)
    every = (*so, NoneOf(of=wanted.not_so)) if wanted.not_so else so
    if not every:
        return None
    return every[0] if len(every) == 1 else AllOf(of=every)


def with_condition(found: Shape, new: Condition, *, so: bool) -> Shape:
    """Return the shape with another condition; it takes the place of one of its kind on the same side."""
    rest = without(found, new.kind, so=so)
    return replace(rest, so=(*rest.so, new)) if so else replace(rest, not_so=(*rest.not_so, new))


def without(found: Shape, kind: str, *, so: bool) -> Shape:
    """Return the shape without the conditions of that kind on that side."""
    kept = tuple(one for one in (found.so if so else found.not_so) if one.kind != kind)
    return replace(found, so=kept) if so else replace(found, not_so=kept)


def _shape(when: Condition | None) -> Shape | None:
    match when:
        case None:
            return Shape()
        case NoneOf():
            return Shape(not_so=when.of)
        case AnyOf():
            return Shape(so=when.of, one_is_enough=True)
        case AllOf():
            return _of_several(when.of)
        case _:
            return Shape(so=(when,))


def _of_several(every: tuple[Condition, ...]) -> Shape | None:
    *begin, last = every
    not_so = last.of if isinstance(last, NoneOf) else ()
    rest = tuple(begin) if not_so else every
    if len(rest) == 1 and isinstance(rest[0], AnyOf):
        return Shape(rest[0].of, not_so, one_is_enough=True)
    return Shape(rest, not_so)


def _plain(found: Shape) -> bool:
    return not any(isinstance(one, _GROUPS) for one in (*found.so, *found.not_so))
