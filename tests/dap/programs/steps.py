import sys


def add(total, number):
    # Nothing can stop on a comment.
    total = total + number
    return total


def work(count):
    total = 0
    for number in range(count):
        total = add(total, number)
    return total


sys.stdout.write("begin\n")
result = work(10)
print("result", result)
