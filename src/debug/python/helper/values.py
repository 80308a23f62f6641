"""Scopes of frames and what is in values: the operations `scopes` and `variables`.

A value that was shown and can be opened has a number, behind which is a node of this module: what it is, how to get
at its children and what expression leads to it. Promises that a page has what was asked for and no more, and that
showing values ends in time: those that are not reached are shown as `<…>`.
"""

from . import lookup
from .contents import Child, attributes, chosen_names, dotted, elements, entries, is_open, quality_of
from .operations import Refused, operation
from .rendering import IN_A_LIST, Rendering, clock

# The most children that are answered at once.
MAX_PAGE = 10000


class Node:
    """Something with children."""

    # The frame whose variables an assignment means.
    entry = None

    def named(self):
        """Children with names, as a list of Child."""
        return []

    def indexed(self):
        """Children with numbers, as Elements, or None."""
        return None


class Variables(Node):
    """A scope: variables of a frame."""

    def __init__(self, entry, kind, names):
        self.entry = entry
        self.kind = kind
        # () -> a dict of the variables as they are now.
        self.names = names

    def named(self):
        found = []
        for name, value in list(self.names().items()):
            if type(name) is not str:
                continue
            qualities = quality_of(name)
            expression = name if name.isidentifier() else None
            if self.kind == "returnValue":
                expression = "__exception__" if name == "exception" else None
            if lookup.is_class(value):
                qualities += ("class",)
            elif type(value) in lookup.FUNCTIONS:
                qualities += ("method",)
            found.append(Child(name, value, expression, qualities))
        found.sort(key=lambda child: "internal" in child.qualities)
        return found


class Value(Node):
    """A value of the program's."""

    def __init__(self, value, expression, entry):
        self.value = value
        self.expression = expression
        self.entry = entry

    def named(self):
        return list(entries(self.value, self.expression)) + self.attributes()

    def attributes(self):
        """Its children that are no elements, as a list of Child."""
        names = chosen_names(self.value)
        if names is None:
            return attributes(self.value, self.expression)
        return [Child(name, getattr(self.value, name), dotted(self.expression, name)) for name in names]

    def indexed(self):
        return elements(self.value, self.expression)


class Computed(Node):
    """A value that takes code of the program's, which runs when this is opened. It is its own only child."""

    def __init__(self, child, entry):
        self.child = child
        self.entry = entry

    def named(self):
        child = self.child
        try:
            value = child.compute()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            text = Rendering(IN_A_LIST).text(error)
            raise Refused("%s raised %s" % (child.name, text)) from None
        qualities = tuple(quality for quality in child.qualities if quality != "lazy")
        return [Child(child.name, value, child.expression, qualities)]


class Shower:
    """Shows values: as text, with numbers for those that can be opened."""

    def __init__(self, context, thread, entry, rendering):
        self.state = context.state
        self.thread = thread
        self.entry = entry
        self.rendering = rendering

    def shown(self, value, expression=None, qualities=()):
        """A value in the adapter's words."""
        body = {"text": self.rendering.text(value), "type": lookup.type_name(value)}
        qualities = list(qualities)
        if type(value) is str:
            qualities.append("rawString")
        if is_open(value):
            node = Value(value, expression, self.entry)
            body["ref"] = self.state.add_value(node, self.thread)
            try:
                body.update(counts(value))
            except KeyboardInterrupt:
                raise
            except BaseException:
                pass  # It can be opened all the same, and says then what is wrong.
        if qualities:
            body["is"] = qualities
        return body

    def variable(self, child):
        """A child in the adapter's words."""
        body = {"name": child.name[:1000]}
        if child.expression is not None:
            body["evaluate"] = child.expression
        if child.compute is None:
            body["value"] = self.shown(child.value, child.expression, child.qualities)
        else:
            number = self.state.add_value(Computed(child, self.entry), self.thread)
            body["value"] = {"text": "", "ref": number, "named": 1, "is": list(child.qualities)}
        return body


def counts(value):
    """How many children a value has, where that takes no code of the program's and little time."""
    if type(value) is dict:
        count = len(value)
        return {"named": count} if is_small(value) else {"named": 0, "indexed": count}
    if lookup.is_program_made(type(value)) and not lookup.has_length(value):
        return {}
    found = elements(value, None)
    if found is None:
        return {}
    names = chosen_names(value)
    return {"named": len(attributes(value, None) if names is None else names), "indexed": found.count}


def is_small(value):
    """Whether a dictionary's entries are shown by name."""
    return elements(value, None) is None


def page(node, which, start, count):
    """Children of a node: `count` of them from `start`, of the named and then the indexed."""
    left = min(count, MAX_PAGE)
    found = []
    if which != "indexed":
        named = node.named()
        found = named[start : start + left]
        left -= len(found)
        start = max(0, start - len(named))
    if which != "named" and left > 0:
        numbered = node.indexed()
        if numbered is not None:
            found.extend(numbered.page(start, min(numbered.count, start + left)))
    return found


@operation("scopes", at="stopped")
def scopes(context, args):
    """The scopes of a frame."""
    entry = context.state.frame(args["frame"])
    frame = entry.frame
    if frame is None:
        return {"scopes": []}
    found = []

    def add(name, kind, names, expensive=False):
        node = Variables(entry, kind, names)
        body = {"name": name, "kind": kind, "ref": context.state.add_value(node, entry.thread), "named": len(names())}
        if expensive:
            body["expensive"] = True
        found.append(body)

    special = special_values(entry)
    if special:
        add("Exception" if "exception" in special else "Return value", "returnValue", lambda: special)
    free = frame.f_code.co_freevars
    if frame.f_locals is not frame.f_globals:
        add("Locals", "locals", lambda: {n: v for n, v in dict(frame.f_locals).items() if n not in free})
        bound = {name for name in free if name in frame.f_locals}
        if bound:
            add("Closure", "closure", lambda: {n: v for n, v in dict(frame.f_locals).items() if n in bound})
        add("Globals", "globals", lambda: frame.f_globals, True)
    else:
        add("Globals", "globals", lambda: frame.f_globals)
    return {"scopes": found}


def special_values(entry):
    """What a frame's thread has beside variables: what a call returned, or the exception that it stopped for."""
    thread = entry.thread
    if entry.index != 0:
        return {}
    if thread.exception is not None:
        return {"exception": thread.exception}
    returned = getattr(thread, "returned", None)
    if returned is not None:
        return {"return " + returned[0]: returned[1]}
    return {}


@operation("variables", at="stopped")
def variables(context, args):
    """A page of a scope's or value's children."""
    number = args["of"]
    node = context.state.value(number)
    thread = context.state.value_thread(number)
    rendering = Rendering(IN_A_LIST, bool(args.get("hex")), deadline=clock())
    shower = Shower(context, thread, node.entry, rendering)
    count = args.get("count")
    wanted = page(node, args.get("which", "all"), max(0, args.get("start") or 0), MAX_PAGE if count is None else count)
    return {"variables": [shower.variable(child) for child in wanted]}
