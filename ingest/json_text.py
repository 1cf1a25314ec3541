"""Find where a JSON value ends, without limits on its depth or its numbers.

Python's own decoder does it where it can; it refuses what is nested too deeply for its stack.
"""

import json
import re

# One token, after white space: a sign, a text, or a number or word.
_TOKEN = re.compile(
    r"[ \t\r\n]*(?:([{}\[\],:])"
    r'|("[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*")'
    r"|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null))"
)
_CLOSING = {"{": "}", "[": "]"}


def _refuse_constant(name: str) -> None:
    raise json.JSONDecodeError(f"{name} is not a JSON number", name, 0)


# Numbers stay text: Python reads no more than 4,300 digits.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=str)


def decode(text: str, start: int) -> tuple[object, int]:
    """What the JSON value at `start` means, and where it ends.

    Whole numbers are given as their text. Of an object that is nested too deeply for Python, only
    the fields of its outermost level that are texts, numbers or words are given.

    Raises:
        json.JSONDecodeError: there is none, or not all of it.
    """
    try:
        return _DECODER.raw_decode(text, start)
    except RecursionError:
        return _decode_deep(text, start)


def _decode_deep(text: str, start: int) -> tuple[object, int]:
    """The same with a stack of our own."""
    stack: list[str] = []
    fields: dict[str, object] = {}
    key, position = "", start
    # What may come next: a value, a key, a colon or a comma; an end only where it says so.
    wanted, may_end = "value", False
    while True:
        found = _TOKEN.match(text, position)
        if found is None:
            raise json.JSONDecodeError(f"Expecting {wanted}", text, position)
        sign, string, word = found.groups()
        if may_end and sign == _CLOSING[stack[-1]]:
            stack.pop()
        elif wanted == "value" and sign in _CLOSING:
            stack.append(sign)
            wanted, may_end = ("key" if sign == "{" else "value"), True
            position = found.end()
            continue
        elif wanted == "key" and string:
            key = json.loads(string) if len(stack) == 1 else ""
            wanted, may_end = "colon", False
            position = found.end()
            continue
        elif (wanted, sign) in (("colon", ":"), ("comma", ",")):
            wanted = "key" if sign == "," and stack[-1] == "{" else "value"
            may_end = False
            position = found.end()
            continue
        elif wanted == "value" and (string or word):
            if stack == ["{"]:
                fields[key] = json.loads(string) if string else _DECODER.decode(word)
        else:
            raise json.JSONDecodeError(f"Expecting {wanted}", text, found.start())
        position = found.end()
        if not stack:
            return fields, position
        wanted, may_end = "comma", True
