"""Decode JSON values one by one, without limits on their depth or their numbers.

Python's decoder is used first; it fails on values that are nested too deeply for its stack.
"""

import json
import re

# One token after white space: punctuation, a string, or a number or literal.
_TOKEN = re.compile(
    r"[ \t\r\n]*(?:([{}\[\],:])"
    r'|("[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*")'
    r"|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null))"
)
_CLOSING = {"{": "}", "[": "]"}


def _refuse_constant(name: str) -> None:
    raise json.JSONDecodeError(f"{name} is not a JSON number", name, 0)


# Integers stay text: Python converts at most 4,300 digits.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=str)


def decode(text: str, start: int) -> tuple[object, int]:
    """Return the JSON value at `start`, and the position of its end.

    Integers are returned as text. Of an object that is nested too deeply for Python, only the
    scalar fields of its outermost level are returned.

    Raises:
        json.JSONDecodeError: there is no value, or it is incomplete.
    """
    try:
        return _DECODER.raw_decode(text, start)
    except RecursionError:
        return _decode_deep(text, start)


def _decode_deep(text: str, start: int) -> tuple[object, int]:
    """Do the same with an explicit stack."""
    stack: list[str] = []
    fields: dict[str, object] = {}
    key, position = "", start
    # The expected token: a value, a key, a colon or a comma; a closing bracket only if `may_end`.
    wanted, may_end = "value", False
    while True:
        found = _TOKEN.match(text, position)
        if found is None:
            raise json.JSONDecodeError(f"Expecting {wanted}", text, position)
        punctuation, string, scalar = found.groups()
        if may_end and punctuation == _CLOSING[stack[-1]]:
            stack.pop()
        elif wanted == "value" and punctuation in _CLOSING:
            stack.append(punctuation)
            wanted, may_end = ("key" if punctuation == "{" else "value"), True
            position = found.end()
            continue
        elif wanted == "key" and string:
            key = json.loads(string) if len(stack) == 1 else ""
            wanted, may_end = "colon", False
            position = found.end()
            continue
        elif (wanted, punctuation) in (("colon", ":"), ("comma", ",")):
            wanted = "key" if punctuation == "," and stack[-1] == "{" else "value"
            may_end = False
            position = found.end()
            continue
        elif wanted == "value" and (string or scalar):
            if stack == ["{"]:
                fields[key] = json.loads(string) if string else _DECODER.decode(scalar)
        else:
            raise json.JSONDecodeError(f"Expecting {wanted}", text, found.start())
        position = found.end()
        if not stack:
            return fields, position
        wanted, may_end = "comma", True
