def first(number):
    return number + 1


def second(number):
    return number * 2


def third(*numbers):
    return sum(numbers)


total = third(first(1), second(2), first(3))
print("total", total)
