"""Statements that are compiled once and then handed to the driver as they are.

SQLAlchemy decides anew for each execution which of its many ways to take: about thirty microseconds, several
times what SQLite needs for the statement itself, and an award has seventeen of them. What it decides is
kept here: the text, the order of the parameters, how values go in and come out.
"""

import re
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from sqlalchemy import Connection, Dialect, Executable
from sqlalchemy.sql.compiler import SQLCompiler

LONGEST_KEPT = 1_024  # values of an IN; what asks for more is rare, and takes its time elsewhere

NAMED = re.compile(r"%\((\w+)\)s")
"""A parameter as psycopg names it; it takes them by place as well."""

Values = Mapping[str, Any]


class Prepared:
    """A SELECT, INSERT, UPDATE or DELETE whose parameters are named; make it once, at import."""

    def __init__(self, statement: Executable) -> None:
        self.statement = statement
        self._texts: dict[tuple[Any, ...], _Text] = {}
        self._shapes: dict[tuple[Any, ...], _Shape] = {}

    def rows(self, tx: Connection, values: Values) -> Sequence[Any]:
        """Return all rows, each with its columns in order and by name."""
        text = self._text(tx, values, writes=False) if _is_plain(tx) else None
        if text is None:
            return tx.execute(self.statement, values).all()
        cursor = tx.connection.cursor()
        try:
            cursor.execute(text.sql, text.bound(values))
            found = cursor.fetchall()
        except tx.dialect.loaded_dbapi.Error as error:
            _failed(tx, error, text.sql, cursor)
        finally:
            cursor.close()
        return [text.read(row) for row in found]

    def row(self, tx: Connection, values: Values) -> Any:  # noqa: ANN401 - a row of whatever is selected
        """Return the first row, None if there is none."""
        found = self.rows(tx, values)
        return found[0] if found else None

    def run(self, tx: Connection, values: Values | Sequence[Values]) -> None:
        """Execute it with the values, or once for each of a list of values that have the same names."""
        many = not isinstance(values, Mapping)
        if many and not values:
            return
        first: Values = values[0] if many else values  # type: ignore[index, assignment]
        text = self._text(tx, first, writes=True) if _is_plain(tx) else None
        if text is None:
            tx.execute(self.statement, values)
            return
        cursor = tx.connection.cursor()
        try:
            if many and len(values) > 1:
                cursor.executemany(text.sql, [text.bound(each) for each in values])  # type: ignore[arg-type]
            else:
                cursor.execute(text.sql, text.bound(first))
        except tx.dialect.loaded_dbapi.Error as error:
            _failed(tx, error, text.sql, cursor)
        finally:
            cursor.close()

    def _text(self, tx: Connection, values: Values, *, writes: bool) -> "_Text | None":
        """Return the statement as the driver wants it, None where it is better left to SQLAlchemy."""
        dialect = tx.dialect
        key: tuple[Any, ...] = (dialect.driver, *values) if writes else (dialect.driver,)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = _Shape.of(self.statement, dialect, list(values) if writes else None)
        lengths = tuple([_rounded(len(values[name])) for name in shape.lists])
        if lengths and not (min(lengths) > 0 and max(lengths) <= LONGEST_KEPT):
            return None
        text = self._texts.get((*key, lengths))
        if text is None:
            text = self._texts[*key, lengths] = shape.text(values, lengths)
        return text


@dataclass(frozen=True, slots=True)
class _Text:
    """One text for the driver: which parameter comes from which value, and what a row is made of."""

    sql: str
    fixed: dict[str, Any]
    names: tuple[str, ...]
    places: tuple[int | None, ...] | None
    into: tuple[tuple[int, Callable[[Any], Any]], ...]
    out: tuple[tuple[int, Callable[[Any], Any]], ...]
    make: Callable[[Iterable[Any]], Any]

    def bound(self, values: Values) -> list[Any]:
        """Return the parameters for the driver."""
        given = {**self.fixed, **values} if self.fixed else values
        if self.places is None:
            bound = [given[name] for name in self.names]
        else:
            bound = [
                given[name] if place is None else given[name][min(place, len(given[name]) - 1)]
                for name, place in zip(self.names, self.places, strict=True)
            ]
        for index, convert in self.into:
            bound[index] = convert(bound[index])
        return bound

    def read(self, row: Sequence[Any]) -> Any:  # noqa: ANN401 - a row with names
        """Return a driver's row as its reader expects it."""
        if not self.out:
            return self.make(row)
        values = list(row)
        for index, convert in self.out:
            values[index] = convert(values[index])
        return self.make(values)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is known of a statement before the lengths of its lists are."""

    compiled: SQLCompiler
    dialect: Dialect
    fixed: dict[str, Any]
    lists: tuple[str, ...]

    @classmethod
    def of(cls, statement: Executable, dialect: Dialect, columns: list[str] | None) -> "_Shape":
        """Compile it; `columns` are those that an INSERT is given."""
        compiled = statement.compile(  # type: ignore[attr-defined]
            dialect=dialect, column_keys=columns, for_executemany=columns is not None
        )
        assert isinstance(compiled, SQLCompiler)
        defaults = {column.key: column.default for column in compiled.insert_prefetch}
        assert all(default is not None and default.is_scalar for default in defaults.values()), defaults
        assert not compiled.escaped_bind_names, "names are plain"
        names = compiled.bind_names
        return cls(
            compiled,
            dialect,
            fixed={
                **{
                    name: parameter.effective_value
                    for parameter, name in names.items()
                    if not parameter.required
                },
                **{name: default.arg for name, default in defaults.items()},  # type: ignore[union-attr]
            },
            lists=tuple(name for parameter, name in names.items() if parameter.expanding),
        )

    def text(self, values: Values, lengths: Sequence[int]) -> _Text:
        """Return the text for values whose lists have up to so many elements: the last one is repeated."""
        lists = {
            name: [*values[name], *[values[name][-1]] * (length - len(values[name]))]
            for name, length in zip(self.lists, lengths, strict=True)
        }
        state = self.compiled.construct_expanded_state({**self.fixed, **values, **lists}, escape_names=False)
        converts = {**self.compiled._bind_processors, **state.processors}
        order = list(state.positiontup or NAMED.findall(state.statement))
        in_lists = {
            parameter: (name, place)
            for name, parts in state.parameter_expansion.items()
            for place, parameter in enumerate(parts)
        }
        sources = [in_lists.get(parameter, (parameter, None)) for parameter in order]
        columns = self.compiled._result_columns
        row = namedtuple("row", [column.keyname for column in columns], rename=True)  # type: ignore[misc]
        return _Text(
            sql=NAMED.sub("%s", state.statement),
            fixed=self.fixed,
            names=tuple(name for name, _ in sources),
            places=tuple(place for _, place in sources) if in_lists else None,
            into=_needed(converts.get(parameter) for parameter in order),
            out=_needed(
                column.type.dialect_impl(self.dialect).result_processor(self.dialect, None)
                for column in columns
            ),
            make=row._make,
        )


def driven(tx: Connection, sql: str, bound: Sequence[Any] | Mapping[str, Any]) -> list[Any]:
    """Execute a text that is the driver's own, and return its rows as they come, without names."""
    if not _is_plain(tx):
        given = bound if isinstance(bound, Mapping) else tuple(bound)
        return [tuple(row) for row in tx.exec_driver_sql(sql, given)]
    cursor = tx.connection.cursor()
    try:
        cursor.execute(sql, bound)
        return list(cursor.fetchall())
    except tx.dialect.loaded_dbapi.Error as error:
        _failed(tx, error, sql, cursor)
    finally:
        cursor.close()


def _rounded(length: int) -> int:
    """Return the next power of two: an IN has a text for each, not for every length."""
    return 1 << (length - 1).bit_length() if length else 0


def _needed(converts: Iterable[Any]) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
    """Return which places hold values that have to be converted, and how."""
    return tuple((place, convert) for place, convert in enumerate(converts) if convert is not None)


def _is_plain(tx: Connection) -> bool:
    """Return whether nothing but the driver has to hear of a statement: it begins nothing, nobody listens."""
    return tx.in_transaction() and not (tx.dispatch.before_cursor_execute or tx.dispatch.after_cursor_execute)


def _failed(tx: Connection, error: Exception, sql: str, cursor: Any) -> NoReturn:  # noqa: ANN401 - a driver's
    """Raise a driver's error as SQLAlchemy does, which knows what a lost connection looks like."""
    tx._handle_dbapi_exception(error, sql, None, cursor, None)
    raise AssertionError("unreachable") from error
