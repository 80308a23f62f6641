text = "def made(number):\n    number += 1\n    return number\n"
names = {}
exec(compile(text, "<made>", "exec"), names)
print("made", names["made"](41))
