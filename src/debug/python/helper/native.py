"""The few functions of the interpreter's own that no module offers, where its build lets them be called.

Without `_ctypes` each does nothing and says so.
"""

try:
    import _ctypes
except ImportError:
    _ctypes = None

_kept = []

if _ctypes is not None:

    class Number(_ctypes._SimpleCData):
        _type_ = "i"

    class Unsigned(_ctypes._SimpleCData):
        _type_ = "L"

    class Address(_ctypes._SimpleCData):
        _type_ = "P"

    class Object(_ctypes._SimpleCData):
        _type_ = "O"

    class Function(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI
        _restype_ = Number

    class Callback(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI
        _argtypes_ = (Address,)
        _restype_ = Number


def _function(name, *kinds):
    """A function of the interpreter's, or None."""
    if _ctypes is None:
        return None
    try:
        found = Function(_ctypes.dlsym(_ctypes.dlopen(None, 0), name))
    except OSError:
        return None
    found.argtypes = kinds
    return found


if _ctypes is not None:
    _raise_in = _function("PyThreadState_SetAsyncExc", Unsigned, Object)
    _call_later = _function("Py_AddPendingCall", Callback, Address)
    _write_locals = _function("PyFrame_LocalsToFast", Object, Number)
else:
    _raise_in = _call_later = _write_locals = None


def raise_in(ident, kind):
    """Raises an exception in a thread as soon as that runs Python code. Answers whether it will be."""
    return _raise_in is not None and _raise_in(ident, kind) == 1


def call_on_main(function):
    """Calls a function on the main thread as soon as that runs Python code. Answers whether it will be."""
    if _call_later is None:
        return False

    def call(_):
        try:
            function()
        except BaseException:
            pass
        return 0

    callback = Callback(call)
    _kept.append(callback)
    return _call_later(callback, None) == 0


def write_locals(frame):
    """Makes what was written to `frame.f_locals` count, before 3.13. Answers whether it does."""
    if _write_locals is None:
        return False
    _write_locals(frame, 1)
    return True
