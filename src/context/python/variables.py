"""What the user's code has defined: the question `variables`.

Modules are left out, as are names that begin with `_`. No value's own words are asked for.
"""

from . import lookup
from .contents import is_open
from .rendering import Rendering, clock
from .summaries import size_of, summary

MAX_VALUE = 200
MAX_PAGE = 2000
MAX_NAME = 1000


def variables(scope, request):
    """A page of the variables, in the order in which they were defined."""
    names = [
        (name, value)
        for name, value in list(scope.items())
        if type(name) is str and not name.startswith("_") and not lookup.is_module(value)
    ]
    start = max(0, request.get("start") or 0)
    count = request.get("count")
    count = MAX_PAGE if count is None else min(max(0, count), MAX_PAGE)
    rendering = Rendering(MAX_VALUE - 3, careful=True, deadline=clock())
    shown = [variable(name, value, rendering) for name, value in names[start : start + count]]
    return {"variables": shown, "total": len(names)}


def variable(name, value, rendering):
    """One of them."""
    found = {"name": name[:MAX_NAME], "type": lookup.type_name(value), "value": summary(value, rendering)}
    size = size_of(value)
    if size is not None:
        found["size"] = size
    found["expandable"] = is_open(value)
    return found
