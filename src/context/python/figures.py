"""Figures of matplotlib, once the program imported that: images, without a window anywhere.

Figures that are open at the end of a cell are displayed and closed; `show` does the same at once. Nothing of this
happens where the program, its settings or its environment chose a backend that shows figures by itself.
"""

import io
import sys

from . import lookup
from .bundles import Bundle

DRAWS_ONLY = "agg"


class Figures:
    """The figures of the program."""

    def __init__(self, session):
        self.session = session
        # Those that were shown as values, by their identity.
        self.seen = set()

    def after_import(self):
        """What is done once the program imported something."""
        return {"matplotlib": self.choose, "matplotlib.pyplot": self.watch}

    @staticmethod
    def choose(matplotlib):
        """No window is tried for where the program left it to the library."""
        if not isinstance(dict.get(matplotlib.rcParams, "backend"), str):
            matplotlib.use(DRAWS_ONLY)

    def watch(self, pyplot):
        """Shows figures where the library would say that it can't."""
        original = pyplot.show

        def show(*args, **options):
            if not self.are_wanted():
                return original(*args, **options)
            return self.show_all()

        show.__doc__, show.__module__ = original.__doc__, original.__module__
        pyplot.show = show
        bases = sys.modules["matplotlib.backend_bases"].FigureManagerBase
        manager_show = bases.show

        def show_one(manager):
            if not self.are_wanted():
                return manager_show(manager)
            return self.show_figure(pyplot, manager.num)

        bases.show = show_one

    def are_wanted(self):
        """Whether there may be figures that nobody else shows."""
        session = self.session
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is None or session.forked or not session.running or not session.current.rich:
            return False
        matplotlib = sys.modules.get("matplotlib")
        backend = dict.get(getattr(matplotlib, "rcParams", {}), "backend")
        return isinstance(backend, str) and backend.lower() == DRAWS_ONLY and bool(pyplot.get_fignums())

    @staticmethod
    def is_figure(value):
        """Whether a value is a figure."""
        module = sys.modules.get("matplotlib.figure")
        return module is not None and lookup.is_of(value, lookup.own_dict(module).get("Figure"))

    @staticmethod
    def image(figure):
        """A figure as a PNG image; None when there is nothing in it."""
        if not figure.axes and not figure.lines and not getattr(figure, "subfigs", None):
            return None
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", bbox_inches="tight")
        return buffer.getvalue()

    def shown(self, figure):
        """A figure was shown as a value."""
        self.seen.add(id(figure))

    def show_all(self):
        """Shows the figures that are open, and closes them."""
        pyplot = sys.modules["matplotlib.pyplot"]
        try:
            for number in pyplot.get_fignums():
                self.show_figure(pyplot, number)
        finally:
            self.seen.clear()

    def show_figure(self, pyplot, number):
        """Shows a figure unless it was, and closes it."""
        figure = pyplot.figure(number)
        try:
            if id(figure) not in self.seen:
                bundle = Bundle()
                bundle.fill(figure, self.image)
                if bundle.problems:
                    raise bundle.problems[0]
                self.session.displays.send(bundle, "display")
        finally:
            self.seen.discard(id(figure))
            pyplot.close(figure)
