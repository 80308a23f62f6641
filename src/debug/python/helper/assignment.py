"""Other values for what has a name: the operations `setVariable` and `setExpression`.

Promises that a value is put where the program itself would find it, or that it is said why it can't be: what looks
changed and is not would be worse than a refusal.
"""

import _ast

from . import lookup
from .contents import chosen_names, quality_of
from .namespaces import as_operand, extras_of, frame_of, namespace_of, namespace_tree
from .lookup import MISSING, is_of
from .operations import Refused, operation
from .rendering import ALONE, IN_A_LIST, Rendering
from .values import Computed, Shower, Variables

# How many entries of a mapping are looked through for one whose key can't be written down.
MANY_KEYS = 100000
_FIXED = (tuple, str, bytes, range, frozenset, memoryview)


@operation("setVariable", at="stopped")
def set_variable(context, args):
    """Gives a child of a scope or value another value."""
    node = context.state.value(args["of"])
    thread = context.state.value_thread(args["of"])
    name = args["name"]
    namespace = namespace_of(node.entry)
    value = namespace.run(namespace.compile(args["value"].strip(), "eval"), extras_of(node.entry, thread))
    if isinstance(node, Variables):
        value = _set_in_scope(node, namespace, name, value)
        expression = name if name.isidentifier() else None
    elif isinstance(node, Computed):
        raise Refused("set it on what it belongs to")
    else:
        value, expression = _set_in_value(node, name, value)
    shower = Shower(context, thread, node.entry, Rendering(IN_A_LIST, bool(args.get("hex"))))
    return shower.shown(value, expression, quality_of(name))


def _set_in_scope(node, namespace, name, value):
    if node.kind == "returnValue":
        raise Refused("what was returned or raised can't be changed")
    if name not in node.names():
        raise Refused("there is no variable %s" % name)
    if node.kind == "globals":
        namespace.globals[name] = value
    else:
        namespace.assign(name, value)
    return node.names().get(name, value)


def _set_in_value(node, name, value):
    owner = node.value
    child = next((child for child in node.attributes() if child.name == name), None)
    if child is None:
        key, expression = _find_element(node, name)
        if type(owner) in _FIXED or is_of(owner, tuple) or is_of(owner, set):
            raise Refused("a %s can't be changed" % lookup.type_name(owner))
        position = getattr(owner, "iloc", None) if _is_series(owner) else None
        target = owner if position is None else position
        target[key] = value
        return target[key], expression
    if "readOnly" in child.qualities:
        raise Refused("%s can't be changed" % name)
    setattr(owner, name, value)
    return getattr(owner, name, value), child.expression


def _is_series(value):
    return chosen_names(value) is not None and hasattr(type(value), "iloc")


def _find_element(node, name):
    """The key or index that a child's name stands for, and the expression that leads there. Raises Refused."""
    expression = None if node.expression is None else "%s[%s]" % (node.expression, name)
    key = _written(name)
    mapping = lookup.find(type(node.value), "keys") is not MISSING
    if key is not MISSING and (not mapping or key in node.value):
        return key, expression
    if mapping:
        keys = list(node.value)[:MANY_KEYS]
        words = Rendering(200)
        for each in keys:
            if words.text(each) == name:
                return each, None
    raise Refused("there is no %s" % name)


def _written(name):
    """The literal that this is, or MISSING."""
    try:
        tree = compile(name.strip(), "<name>", "eval", 0x400, True)
        return _literal(tree.body)
    except (SyntaxError, ValueError, TypeError):
        return MISSING


def _literal(node):
    if isinstance(node, _ast.Constant):
        return node.value
    if isinstance(node, _ast.Tuple):
        return tuple(map(_literal, node.elts))
    if isinstance(node, _ast.UnaryOp) and isinstance(node.op, _ast.USub) and isinstance(node.operand, _ast.Constant):
        return -node.operand.value
    raise ValueError("no literal")


@operation("setExpression", at="stopped")
def set_expression(context, args):
    """Assigns to an expression."""
    entry = frame_of(context, args)
    thread = entry.thread if entry is not None else context.thread
    namespace, target = namespace_of(entry), args["expression"].strip()
    extras = extras_of(entry, thread)
    value = namespace.run(namespace.compile(args["value"].strip(), "eval"), extras)
    try:
        node = namespace_tree(namespace, target, "eval").body
    except SyntaxError:
        raise Refused("this is no expression") from None
    if isinstance(node, _ast.Name):
        namespace.assign(node.id, value)
    elif isinstance(node, (_ast.Attribute, _ast.Subscript)):
        hidden = "__codebeaker_value__"
        code = namespace.compile("(%s) = %s" % (target, hidden), "exec")
        namespace.run(code, dict(extras, **{hidden: value}), keep=True)
    else:
        raise Refused("nothing can be assigned to this")
    after = namespace.run(namespace.compile(target, "eval"), extras)
    shower = Shower(context, thread, entry, Rendering(ALONE, bool(args.get("hex"))))
    return shower.shown(after, as_operand(namespace, target))
