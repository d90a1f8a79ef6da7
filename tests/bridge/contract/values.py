# SPDX-License-Identifier: MIT
"""Random values that fit a schema, and ones that just do not."""
import copy
import string
import uuid

KEY = "^[A-Za-z0-9._@+-]+$"
NO_CONTROLS = "^[^"  # begins the pattern of a text without control characters
LETTERS = string.ascii_letters + string.digits + " äß한글"


class Values:
    """known: name of a member -> what such a member was seen to be, which is used now and then."""

    def __init__(self, document, random, known):
        self.document, self.random, self.known = document, random, known

    def make(self, schema, name="", whole=False):
        """whole: with all optional members."""
        schema = self.document.resolve(schema)
        if name in self.known and self.random.random() < 0.6:
            return self.random.choice(self.known[name])
        if "anyOf" in schema:
            return self.make(self.random.choice(schema["anyOf"]), name, whole)
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        return getattr(self, "make_" + schema.get("type", "anything"))(schema, name, whole)

    def make_object(self, schema, _, whole):
        required = schema.get("required", [])
        return {name: self.make(member, name, whole) for name, member in schema["properties"].items()
                if name in required or whole or self.random.random() < 0.5}

    def make_array(self, schema, name, whole):
        most = min(schema.get("maxItems", 3), 3)
        count = self.random.randint(min(schema.get("minItems", 0), most), most)
        return [self.make(schema["items"], name.removesuffix("s"), whole) for _ in range(count)]

    def make_integer(self, schema, *_):
        least, most = schema.get("minimum", 0), schema.get("maximum", 2**53)
        begin = max(least, min(0, most - 20))
        return self.random.choice([least, most, *[self.random.randint(begin, min(most, begin + 20)) for _ in range(4)]])

    def make_boolean(self, *_):
        return self.random.random() < 0.5

    def make_null(self, *_):
        return None

    def make_anything(self, *_):
        return {}

    def make_string(self, schema, *_):
        if schema.get("format") == "email":
            return f"{uuid.UUID(int=self.random.getrandbits(128))}@example.org"
        if schema.get("format") == "date-time":
            return f"20{self.random.randint(20, 60)}-0{self.random.randint(1, 9)}-17T12:00:00Z"
        if schema.get("pattern") == "^[A-Z]{3}$":
            return self.random.choice(["EUR", "KRW", "USD"])
        if "pattern" in schema and not schema["pattern"].startswith(NO_CONTROLS):
            return str(uuid.UUID(int=self.random.getrandbits(128)))
        least, most = schema.get("minLength", 0), min(schema.get("maxLength", 40), 4000)
        length = self.random.choice([least, *[self.random.randint(least, min(most, least + 20)) for _ in range(4)]])
        text = "".join(self.random.choice(LETTERS) for _ in range(length))
        return text if len(text.encode()) <= most else text.encode()[:most].decode(errors="ignore")

    # Wrong ones

    def spoil(self, schema, value):
        """The value with one thing wrong in it, and the JSON Pointers at which that may be said; or None."""
        spoilt = copy.deepcopy(value)
        places = list(self.places(self.document.resolve(schema), spoilt, ""))
        self.random.shuffle(places)
        for change, pointer in places:
            change()
            return spoilt, pointer
        return None

    def places(self, schema, value, pointer):
        """(what spoils the value, pointer), for each way to do so."""
        if not isinstance(value, dict) or "properties" not in schema:
            return
        yield lambda: value.update(no_such_member=1), f"{pointer}/no_such_member"
        for name in schema.get("required", []):
            yield lambda name=name: value.pop(name), f"{pointer}/{name}"
        for name, inner in list(value.items()):
            inside = self.document.resolve(schema["properties"][name])
            for wrong in self.wrong_values(inside):
                yield lambda name=name, wrong=wrong: value.update({name: wrong}), f"{pointer}/{name}"
            yield from self.places(inside, inner, f"{pointer}/{name}")

    def wrong_values(self, schema):
        kind = schema.get("type")
        if kind == "string" or "enum" in schema:
            yield from (17, [], {})
            if "enum" in schema or schema.get("format") == "date-time":
                yield "no such thing"
            elif "maxLength" in schema and schema["maxLength"] < 5000:
                yield "x" * (schema["maxLength"] + 1)
            if schema.get("minLength", 0) > 0 and "enum" not in schema:
                yield ""
            if schema.get("pattern") == KEY:
                yield "a b"
            if schema.get("pattern", "").startswith(NO_CONTROLS):
                yield from ("a\0b", "a\x1bb", "a\x85b")
        elif kind == "integer":
            yield from ("17", 1.5, None, True)
            if "maximum" in schema:
                yield schema["maximum"] + 1
            if "minimum" in schema:
                yield schema["minimum"] - 1
        elif kind == "boolean":
            yield from ("true", 1)
        elif kind == "array":
            yield from ({}, "x")
        elif kind == "object":
            yield from ([], "x")
