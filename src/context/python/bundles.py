"""Values as MIME bundles: what a value says of itself in each of the formats that clients know.

Promises that there always is a text, that a bundle is small enough to be sent, and that what goes wrong in a method of
the value's costs that format alone and is told to who asked, but for an interrupt.
"""

import base64
import sys
from json import JSONEncoder

from . import lookup
from .pretty import LONGEST, Pretty, writer_of
from .rendering import Rendering

TEXT = "text/plain"
# The methods that objects have for notebooks, and what they answer.
METHODS = (
    ("text/html", "_repr_html_"),
    ("text/markdown", "_repr_markdown_"),
    ("text/latex", "_repr_latex_"),
    ("image/svg+xml", "_repr_svg_"),
    ("image/png", "_repr_png_"),
    ("image/jpeg", "_repr_jpeg_"),
    ("application/pdf", "_repr_pdf_"),
    ("application/javascript", "_repr_javascript_"),
    ("application/json", "_repr_json_"),
)
WHOLE = "_repr_mimebundle_"
# What a bundle may take of a message, and how many formats it may have.
MAX_BYTES = 3 * 1024 * 1024
MAX_PARTS = 50
MAX_NAME = 200

_encode = JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode
_PLAIN = frozenset((int, float, complex, bool, str, bytes, list, tuple, dict, set, frozenset, range, type(None)))


class Bundle:
    """What is shown of a value."""

    def __init__(self):
        self.data = {}
        self.metadata = {}
        self.problems = []

    def fill(self, value, figure=None):
        """Asks a value for all that it has. `figure` makes an image of one that is a figure."""
        cls = type(value)
        if cls not in _PLAIN and not lookup.is_class(value):
            if lookup.find(cls, WHOLE) is not lookup.MISSING:
                self._take_all(value)
            for kind, name in METHODS:
                if kind not in self.data and lookup.find(cls, name) is not lookup.MISSING:
                    self._attempt(lambda: self._take(kind, getattr(value, name)()))
            if figure is not None and "image/png" not in self.data:
                self._attempt(lambda: self._take("image/png", figure(value)))
        if TEXT not in self.data:
            self.data[TEXT] = self._words(value)

    def _attempt(self, function):
        try:
            function()
        except NotImplementedError:
            pass  # It says that it has no such format.
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.problems.append(error)

    def _take_all(self, value):
        def ask():
            self.take_all(getattr(value, WHOLE)(include=None, exclude=None))

        self._attempt(ask)

    def take_all(self, answer):
        """Takes a whole bundle: a dictionary, or that and one of metadata."""
        data, metadata = answer if isinstance(answer, tuple) else (answer, {})
        if data is None:
            return
        for kind in list(data)[:MAX_PARTS]:
            self._attempt(lambda: self._take(kind, data[kind]))
        if metadata:
            self.add_metadata(metadata)

    def add_metadata(self, metadata):
        """Takes metadata by its format."""

        def add():
            checked("metadata", _encode, metadata)
            self.metadata.update(metadata)

        self._attempt(add)

    def _take(self, kind, answer):
        """Takes one format: what it is, or that and its metadata."""
        if isinstance(answer, tuple) and len(answer) == 2:
            answer, metadata = answer
            if metadata:
                self.add_metadata({kind: metadata})
        if answer is None:
            return
        if not isinstance(kind, str) or len(kind) > MAX_NAME:
            raise TypeError("the name of a format must be a short text")
        if is_json(kind):
            checked(kind, _encode, answer)
        elif isinstance(answer, (bytes, bytearray, memoryview)):
            answer = bytes(answer).decode("utf-8") if is_text(kind) else base64.b64encode(answer).decode("ascii")
        elif not isinstance(answer, str):
            raise TypeError("%s has to be a text or bytes, and is %s" % (kind, lookup.type_name(answer)))
        else:
            answer = str.__str__(answer)
            if not is_text(kind):
                # It is what the bytes make, in whatever lines.
                answer = "".join(answer.split())
                checked(kind, base64.b64decode, answer, None, True)
        self.data[kind] = answer

    def _words(self, value):
        if writer_of(type(value)) is not None:
            return Pretty().text(value)
        if type(value) in _PLAIN:
            return Rendering(LONGEST).text(value)
        try:
            words = repr(value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.problems.append(error)
            return "<%s object: its __repr__ raised %s>" % (lookup.type_name(value), lookup.type_name(error))
        return str.__str__(words)

    def message(self):
        """What is sent of it."""
        text = self.data[TEXT]
        if len(text) > LONGEST:
            self.data[TEXT] = text[:LONGEST] + "..."
        if len(self.metadata) > MAX_PARTS or len(_encode(self.metadata)) > MAX_BYTES // 16:
            self.metadata = {}
        omitted = []
        sizes = {kind: len(_encode(part)) for kind, part in self.data.items()}
        while sum(sizes.values()) > MAX_BYTES and len(sizes) > 1:
            largest = max((kind for kind in sizes if kind != TEXT), key=sizes.get)
            omitted.append(largest)
            del sizes[largest], self.data[largest]
        message = {"data": self.data, "metadata": self.metadata}
        if omitted:
            message["omitted"] = omitted
        return message


def checked(kind, function, *args):
    """Has a function check something; what it raises comes from here, as its caller is none of the user's."""
    try:
        function(*args)
        return
    except (ValueError, TypeError, RecursionError) as error:
        text = str(error)
    raise ValueError("%s: %s" % (kind, text))


def is_json(kind):
    """Whether a format is one of JSON values."""
    return kind == "application/json" or kind.endswith("+json")


def is_text(kind):
    """Whether a format is one of texts."""
    return kind.startswith("text/") or kind.endswith(("+xml", "/javascript", "/xml"))


# The builtins of the program, which are not the driver's.
PROGRAM_BUILTINS = sys.modules["builtins"].__dict__
