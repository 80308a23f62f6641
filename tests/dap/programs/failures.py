import functools


class Refused(Exception):
    """What the tests raise."""


def refuse(why):
    raise Refused(why)


def caught():
    try:
        refuse("caught")
    except Refused:
        pass


@functools.singledispatch
def called_back(_):
    # The caller of this is not the user's own code.
    raise Refused("called back")


def through_library():
    try:
        called_back(1)
    except Refused:
        pass


caught()
through_library()
refuse("not caught")
