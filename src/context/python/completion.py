"""What could complete a cell's text at a place: the question `complete`.

Promises that finding out runs no code of the user's (proposals.py); what can't be told without is not told.
"""

import re

from . import lookup
from .namespaces import Namespace
from .operations import OperationError
from .proposals import in_order, operand, propose
from .reading import read
from .signatures import parameters, unwrapped
from .words import call_around, line_before

MAX_MATCHES = 500
# A key of a dictionary that is being typed.
_KEY = re.compile(r"\[\s*(?P<quote>['\"])(?P<key>[^'\"\\]*)$")
# A place where a keyword argument may begin.
_ARGUMENT = re.compile(r"[(,]\s*\w*$")


def complete(_, request):
    """What could stand at a place."""
    code, cursor = request["code"], request["cursor"]
    cursor = min(max(0, cursor), len(code))
    before, namespace = line_before(code, cursor), Namespace()
    word, found = keys(namespace, before)
    if found is None:
        word, proposals = propose(namespace, before)
        found = {}
        if _ARGUMENT.search(before) or not before.strip() or before.strip() == word:
            found.update(keyword_arguments(namespace, code, cursor - len(word)))
        found.update((name, kind) for name, kind in proposals if name.startswith(word))
    found = {name: kind for name, kind in found.items() if name.startswith(word)}
    named = [name for name in in_order(found) if found[name] == "parameter"]
    others = [name for name in in_order(found) if found[name] != "parameter"]
    matches = [{"text": name, "kind": found[name]} for name in (named + others)[:MAX_MATCHES]]
    return {"matches": matches, "start": cursor - len(word), "end": cursor}


def keys(namespace, before):
    """The beginning of a dictionary's key that is being typed, and the keys; None for those when it is none."""
    match = _KEY.search(before)
    owner = operand(before[: match.start()]) if match else ""
    if not owner:
        return "", None
    try:
        value = read(namespace, owner)
    except OperationError:
        return "", None
    if not lookup.is_of(value, dict):
        return "", None
    found = [key for key in list(dict.keys(value))[:5000] if type(key) is str and key.isprintable()]
    fitting = [key for key in found if match["quote"] not in key and "\\" not in key]
    return match["key"], {key: "key" for key in fitting}


def keyword_arguments(namespace, code, cursor):
    """The keyword arguments of the call that the cursor is in."""
    name = call_around(code, cursor)
    if not name:
        return {}
    try:
        function, bound = unwrapped(read(namespace, name))
    except OperationError:
        return {}
    if function is None:
        return {}
    return {each + "=": "parameter" for each, kind in parameters(function, bound) if kind in ("", "=")}
