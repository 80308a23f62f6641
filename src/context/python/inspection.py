"""What something in a cell's text is: the question `inspect`.

Promises to run no code of the user's: what a value says of itself is not asked.
"""

import sys
from types import FunctionType

from . import lookup
from .namespaces import Namespace
from .operations import OperationError
from .places import is_own
from .reading import read
from .rendering import Rendering, clock
from .signatures import documentation, signature, unwrapped
from .summaries import summary
from .words import call_around, expression_at

# How much is told, by how much is wanted.
VALUE = (400, 20000)
DOCUMENTATION = (4000, 200000)


def inspect(_, request):
    """What the expression at a place is, or else the function of the call that the place is in."""
    code, cursor = request["code"], request["cursor"]
    detail = 1 if request.get("detail") else 0
    namespace = Namespace()
    for text in (expression_at(code, cursor), call_around(code, cursor)):
        if not text:
            continue
        try:
            value = read(namespace, text)
        except OperationError:
            continue
        return described(text, value, detail)
    return {"found": False}


def described(text, value, detail):
    """What a value is."""
    answer = {"found": True, "name": text[:1000], "type": lookup.type_name(value)}
    shown = signature(value, text.rpartition(".")[2][:200])
    if shown is not None:
        answer["signature"] = shown
    written = documentation(value)
    if written is not None:
        answer["doc"] = written[: DOCUMENTATION[detail]]
    if type(value) not in lookup.FUNCTIONS and not lookup.is_module(value) and not lookup.is_class(value):
        answer["value"] = summary(value, Rendering(VALUE[detail], careful=True, deadline=clock()))
    answer.update(place_of(value))
    return answer


def place_of(value):
    """Where a value was written."""
    if lookup.is_module(value):
        file = lookup.own_dict(value).get("__file__")
        return {"file": file} if type(file) is str else {}
    if lookup.is_class(value):
        return place_of_class(value)
    function, _ = unwrapped(value)
    if function is None or is_own(function.__code__):
        return {}
    return {"file": function.__code__.co_filename, "line": function.__code__.co_firstlineno}


def place_of_class(cls):
    """Where a class was written: its line is known from 3.13 on, its file from its functions or its module."""
    members = lookup.members(cls)
    line = members.get("__firstlineno__")
    files = [each.__code__.co_filename for each in list(members.values()) if type(each) is FunctionType]
    module = sys.modules.get(lookup.class_module(cls))
    names = lookup.own_dict(module) if module is not None and lookup.is_module(module) else {}
    own = [file for file in files if not file.startswith("<string")]
    file = own[0] if own else names.get("__file__")
    if type(file) is not str:
        return {}
    return {"file": file, "line": line} if type(line) is int else {"file": file}
