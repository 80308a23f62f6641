"""Does something right after the program imported a certain module; imports nothing by itself.

Promises that the module's loader, its spec and what can go wrong with either are what they would be.
"""

import sys


class ImportWatch:
    """A finder that finds what the others do."""

    def __init__(self):
        # Module names, and what is done with each once it is there.
        self.after = {}

    def install(self):
        """Begins to watch; what is there already is done at once."""
        for name in list(self.after):
            if name in sys.modules:
                self.imported(name, sys.modules[name])
        sys.meta_path.insert(0, self)

    def imported(self, name, module):
        """A module is there."""
        action = self.after.get(name)
        if action is not None:
            try:
                action(module)
            except Exception:
                pass  # It is not the module that it was taken for.

    def find_spec(self, name, path=None, target=None):
        """What the other finders find."""
        if name not in self.after:
            return None
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec = find(name, path, target)
            if spec is not None:
                self._watch(name, spec.loader)
                return spec
        return None

    def _watch(self, name, loader):
        execute = getattr(loader, "exec_module", None)

        def exec_module(module):
            del loader.exec_module
            execute(module)
            self.imported(name, module)

        try:
            loader.exec_module = exec_module
        except (AttributeError, TypeError):
            pass  # The loader is a class that many modules share: this one is left alone.
