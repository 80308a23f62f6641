"""What is shown beside what is printed: results of cells, and `display`.

`_`, `__` and `___`, `display` and `update_display` are the program's builtins, so that names of the user's own hide
them as they hide any other.
"""

import sys

from .bundles import PROGRAM_BUILTINS, TEXT, Bundle
from .errors import show


class Handle:
    """Something displayed that can be displayed anew."""

    def __init__(self, displays, number):
        self.display_id = number
        self._displays = displays

    def display(self, value, **options):
        """Displays a value here."""
        self._displays.display(value, display_id=self.display_id, **options)

    def update(self, value, **options):
        """Replaces what is displayed here."""
        self._displays.update(value, display_id=self.display_id, **options)

    def __repr__(self):
        return "<DisplayHandle display_id=%s>" % self.display_id


class Displays:
    """Shows values to the daemon."""

    def __init__(self, session):
        self.session = session
        self.plain_hook = sys.displayhook
        self.last = 0

    def install(self):
        """Gives the program what it displays with."""
        names = PROGRAM_BUILTINS
        names["display"] = self.function("display", self.display)
        names["update_display"] = self.function("update_display", self.update)

    def after_import(self):
        """What is done once the program imported something: a library without its shell would only print."""

        def found(module):
            module.display, module.update_display = (PROGRAM_BUILTINS[name] for name in ("display", "update_display"))

        return {"IPython.core.display_functions": found}

    @staticmethod
    def function(name, method):
        """A method as a function that says no more of itself than the program has to know."""

        def function(*args, **options):
            return method(*args, **options)

        function.__name__ = function.__qualname__ = name
        function.__module__ = "builtins"
        function.__doc__ = method.__doc__
        return function

    def result(self, value, rich):
        """The value of a cell's last expression."""
        if not rich or sys.displayhook is not self.plain_hook or self.session.forked:
            sys.displayhook(value)
            if value is not None:
                self.remember(value)
            return
        if value is None:
            return
        self.remember(value)
        self.show(value, "result")

    def remember(self, value):
        """Makes a value that of `_`."""
        names = PROGRAM_BUILTINS
        for newer, older in (("__", "___"), ("_", "__")):
            if newer in names:
                names[older] = names[newer]
        names["_"] = value

    def show(self, value, kind, number=None, raw=False, metadata=None):
        """Shows a value."""
        bundle = Bundle()
        figures = self.session.figures
        if raw:
            bundle.take_all(value)
            bundle.data.setdefault(TEXT, "")
        else:
            bundle.fill(value, figures.image if figures.is_figure(value) else None)
        if metadata:
            bundle.add_metadata(metadata)
        for problem in bundle.problems:
            show(problem)
        if figures.is_figure(value):
            figures.shown(value)
        self.send(bundle, kind, number)

    def send(self, bundle, kind, number=None):
        """Sends what is shown; where nobody is to see it, it is printed."""
        session = self.session
        if session.forked or session.current is None or not session.current.rich:
            sys.stdout.write(bundle.data[TEXT] + "\n")
            return
        message = {"event": "display", "id": session.current.id, "kind": kind}
        if number is not None:
            message["displayId"] = number
        message.update(bundle.message())
        # What was printed before comes before it.
        session.streams.flush()
        session.send(message)

    def display(self, *objects, display_id=None, raw=False, metadata=None, update=False, **_):
        """display(*objects, display_id=None, raw=False, metadata=None): shows objects in the richest way they have.

        With a `display_id` (True for a new one) what is shown can be replaced: by update_display, or by the method
        `update` of the answer. With `raw` the objects are dictionaries of MIME types."""
        handle = None
        if display_id is not None and display_id is not False:
            if display_id is True:
                self.last += 1
                display_id = "display-%d" % self.last
            display_id = str(display_id)[:1000]
            handle = Handle(self, display_id)
        number = display_id if handle is not None else None
        if update and number is None:
            raise TypeError("display_id is required for an update")
        for each in objects:
            self.show(each, "update" if update else "display", number, raw, metadata)
        return handle

    def update(self, *objects, display_id, **options):
        """update_display(*objects, display_id): replaces what was displayed with that display_id."""
        self.display(*objects, display_id=display_id, update=True, **options)
