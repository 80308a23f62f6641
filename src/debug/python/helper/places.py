"""Where code is, in the adapter's words, and whether it is the user's own.

A place is `{"file": "/absolute"}`, or `{"text": n, "name": "<string>"}` for code that came from no file.
"""

import os
import posixpath
import sys

HOME = posixpath.dirname(posixpath.abspath(__file__)) + "/"
# What lies here was installed, wherever it lies.
INSTALLED = ("/site-packages/", "/dist-packages/")

# Code of the helper's that calls the program's: what called that is nobody's business.
bottoms = set()


def is_own(code):
    """Whether code is the helper's, which nobody is to see."""
    return code.co_filename.startswith(HOME)


def outer(frame):
    """The frame of the program's that called this one, or None."""
    frame = frame.f_back
    while frame is not None and is_own(frame.f_code):
        if frame.f_code in bottoms:
            return None
        frame = frame.f_back
    return frame


def chain(frame):
    """A frame and those that called it, the program's alone."""
    while frame is not None and is_own(frame.f_code):
        frame = outer(frame)
    while frame is not None:
        yield frame
        frame = outer(frame)


class Places:
    """Knows the files that code says it is from."""

    def __init__(self, user_code):
        self.start = os.getcwd()
        self.user_code = [posixpath.realpath(path) for path in user_code]
        self._real = {}
        self._shown = {}
        self._user = {}
        self._texts = {}
        self._names = []
        # Names of texts that are the program itself.
        self.programs = set()

    def real(self, name):
        """The one name of a file, or the name of a text itself."""
        found = self._real.get(name)
        if found is None:
            found = name if is_text(name) else posixpath.realpath(posixpath.join(self.start, name))
            self._real[name] = found
        return found

    def place(self, name):
        """The place of a file name as code objects have it."""
        found = self._shown.get(name)
        if found is None:
            if is_text(name):
                found = {"text": self.text_number(name), "name": name[:200]}
            else:
                found = {"file": posixpath.normpath(posixpath.join(self.start, name))}
            self._shown[name] = found
        return found

    def text_number(self, name):
        """The number of a text."""
        number = self._texts.get(name)
        if number is None:
            self._names.append(name)
            number = self._texts[name] = len(self._names)
        return number

    def texts(self):
        """The places of all texts that were met."""
        return [{"text": number, "name": name[:200]} for number, name in enumerate(list(self._names), 1)]

    def name(self, place):
        """The file name that code of a place has, as `real` gives it, or None when there is no such place."""
        file = place.get("file")
        if isinstance(file, str):
            return self.real(file)
        number = place.get("text")
        if isinstance(number, int) and 0 < number <= len(self._names):
            return self._names[number - 1]
        return None

    def is_user(self, name):
        """Whether code of that file name is the user's own."""
        found = self._user.get(name)
        if found is None:
            found = self._user[name] = self._decide(name)
        return found

    def _decide(self, name):
        if name.startswith(("<frozen ", HOME)):
            return False
        if not self.user_code or name in self.programs:
            return True
        if is_text(name):
            return False
        real = self.real(name)
        if any(part in real for part in INSTALLED):
            return False
        return any(real == path or real.startswith(path.rstrip("/") + "/") for path in self.user_code)


def is_text(name):
    """Whether that file name names no file: `<string>`."""
    return name.startswith("<") and name.endswith(">")


def module_name(frame):
    """The name of the module that a frame is of."""
    name = frame.f_globals.get("__name__") if type(frame.f_globals) is dict else None
    return name if type(name) is str else None


def qualified_name(frame):
    """A function's name with the classes and functions that it is in, where the interpreter tells."""
    code = frame.f_code
    if sys.version_info >= (3, 11):
        return code.co_qualname
    name = code.co_name
    if code.co_argcount:
        # Before 3.11 only the class of the first argument can tell; its own mechanisms are not asked.
        first = frame.f_locals.get(code.co_varnames[0])
        kind = first if isinstance(first, type) else type(first)
        for base in type.mro(kind) if kind is not type else ():
            member = type.__getattribute__(base, "__dict__").get(name)
            member = getattr(member, "__func__", member) if type(member) in (classmethod, staticmethod) else member
            if type(member) is type(qualified_name) and member.__code__ is code:
                return base.__qualname__ + "." + name
    return name
