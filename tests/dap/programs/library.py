import json


class Plain(json.JSONEncoder):
    def default(self, o):
        return str(o)


print("text", json.dumps({"a": {1, }}, cls=Plain))
