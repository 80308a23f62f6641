def descend(depth):
    if depth == 0:
        return depth
    return descend(depth - 1)


print("bottom", descend(100))
