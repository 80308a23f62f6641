"""Looks into objects without running code of theirs.

Promises that nothing that a program wrote is called: no `__getattribute__`, no `__getattr__`, no property, no
`__class__` that lies, no metaclass. What can be told only by asking the object is not told.
"""

from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
    ClassMethodDescriptorType,
    MethodWrapperType,
)

try:
    from _collections import _tuplegetter
except ImportError:
    _tuplegetter = None

_mro = type.__dict__["__mro__"].__get__
_dict = type.__dict__["__dict__"].__get__
_name = type.__dict__["__name__"].__get__
_module = type.__dict__["__module__"].__get__
_module_dict = ModuleType.__dict__["__dict__"].__get__
_flags = type.__dict__["__flags__"].__get__

# In the flags of a class: it was made by a `class` statement, or by an extension that makes its classes so.
HEAP_TYPE = 1 << 9

FUNCTIONS = (
    FunctionType,
    BuiltinFunctionType,
    MethodType,
    MethodDescriptorType,
    WrapperDescriptorType,
    ClassMethodDescriptorType,
    MethodWrapperType,
)
# Descriptors of C code, which read a field and run nothing of the program's.
FIELDS = (MemberDescriptorType, GetSetDescriptorType)
if _tuplegetter is not None:
    FIELDS += (_tuplegetter,)

MISSING = object()


def mro(cls):
    """The classes that a class is made of, itself first."""
    return _mro(cls)


def members(cls):
    """What a class itself defines."""
    return _dict(cls)


def type_name(value):
    """The name of a value's type."""
    return _name(type(value))


def class_name(cls):
    """The name of a class."""
    return _name(cls)


def class_module(cls):
    """The name of the module that a class says it is of, or an empty text."""
    own = members(cls).get("__module__")
    if type(own) is str:
        return own
    if _flags(cls) & HEAP_TYPE:
        return ""
    return _module(cls)


def is_class(value):
    """Whether a value is a class, whatever it says of itself."""
    return type in mro(type(value))


def is_module(value):
    """Whether a value is a module."""
    return ModuleType in mro(type(value))


def is_of(value, cls):
    """`isinstance`, whatever the value or the class says."""
    return cls in mro(type(value))


def is_program_made(cls):
    """Whether a class may have methods that are no C code."""
    return any(_flags(each) & HEAP_TYPE for each in mro(cls))


def find(cls, name):
    """What a class has by a name, unbound, or MISSING."""
    for each in mro(cls):
        found = members(each).get(name, MISSING)
        if found is not MISSING:
            return found
    return MISSING


def own_dict(value):
    """The attributes that an instance, a module or a class has of its own; empty when it can't have any."""
    if is_module(value):
        return _module_dict(value)
    if is_class(value):
        return members(value)
    for cls in mro(type(value)):
        descriptor = members(cls).get("__dict__")
        if type(descriptor) is GetSetDescriptorType:
            try:
                found = descriptor.__get__(value)
            except Exception:
                return {}
            return found if is_of(found, dict) else {}
    return {}


def has_length(value):
    """Whether `len` may be meant to work."""
    return find(type(value), "__len__") is not MISSING


class WouldRun(Exception):
    """An answer that takes code of the program's."""


def attribute(value, name):
    """The attribute of a value. Raises WouldRun, or AttributeError."""
    if is_module(value):
        found = _module_dict(value).get(name, MISSING)
        if found is not MISSING:
            return found
        if "__getattr__" in _module_dict(value):
            raise WouldRun("`__getattr__` of the module would have to run")
        return _plain_attribute(value, name)
    if is_class(value):
        return _class_attribute(value, name)
    return _plain_attribute(value, name)


def _refuse_hooks(cls):
    hook = find(cls, "__getattribute__")
    if type(hook) is not WrapperDescriptorType:
        raise WouldRun("`__getattribute__` of %s would have to run" % class_name(cls))


def _plain_attribute(value, name):
    cls = type(value)
    _refuse_hooks(cls)
    found = find(cls, name)
    if found is not MISSING:
        kind = type(found)
        if kind in FIELDS:
            return found.__get__(value, cls)
        if find(kind, "__get__") is not MISSING and find(kind, "__set__") is not MISSING:
            raise WouldRun("%s is computed: code would have to run" % name)
    own = own_dict(value)
    if name in own:
        return dict.__getitem__(own, name)
    if found is MISSING:
        if find(cls, "__getattr__") is not MISSING:
            raise WouldRun("`__getattr__` of %s would have to run" % class_name(cls))
        raise AttributeError("%s has no attribute %s" % (class_name(cls), name))
    return bound(found, value, cls, name)


def _class_attribute(cls, name):
    meta = type(cls)
    _refuse_hooks(meta)
    on_meta = find(meta, name)
    if on_meta is not MISSING and type(on_meta) in FIELDS:
        return on_meta.__get__(cls, meta)
    found = find(cls, name)
    if found is not MISSING:
        if type(found) is FunctionType or type(found) in FIELDS:
            return found
        return bound(found, None, cls, name)
    if on_meta is not MISSING:
        return bound(on_meta, cls, meta, name)
    if find(meta, "__getattr__") is not MISSING:
        raise WouldRun("`__getattr__` of %s would have to run" % class_name(meta))
    raise AttributeError("%s has no attribute %s" % (class_name(cls), name))


def bound(found, value, cls, name):
    """What a class has, as an attribute of its instance. Raises WouldRun."""
    kind = type(found)
    if kind is FunctionType:
        return MethodType(found, value)
    if kind is staticmethod:
        return found.__func__
    if kind is classmethod:
        return MethodType(found.__func__, cls)
    if kind in FUNCTIONS:
        return found.__get__(value, cls) if hasattr(kind, "__get__") else found
    if find(kind, "__get__") is not MISSING:
        raise WouldRun("%s is computed: code would have to run" % name)
    return found
