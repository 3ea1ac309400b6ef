"""What the description cannot say about a body: schemathesis is kept from expecting a yes to it."""

from typing import Any

import schemathesis
from schemathesis import HookContext


@schemathesis.hook
def filter_body(context: HookContext, body: Any) -> bool:
    """A whole number is written as one; to JSON Schema 121.0 is whole as well."""
    return not _has_float(body)


def _has_float(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_float, value.values()))
    if isinstance(value, list):
        return any(map(_has_float, value))
    return isinstance(value, float)
