import os


class Box:
    """A thing with members, one of which tells when it is looked at."""

    def __init__(self, content):
        self.content = content
        self.looks = 0

    @property
    def look(self):
        self.looks += 1
        return self.looks

    def __repr__(self):
        return "Box(%r)" % (self.content,)


class Stubborn:
    def __repr__(self):
        raise ValueError("shows nothing")


def make():
    number = 255
    text = "tea\nand \"biscuits\""
    numbers = list(range(100000))
    table = {"one": 1, "two": [1, 2]}
    box = Box("tea")
    stubborn = Stubborn()

    def inner():
        return number, box

    return inner()


answer = 42
made = make()
print("answer", answer, made[0])
