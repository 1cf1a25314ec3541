select *
from
    values
    ('null_value', 'the record has no value'),
    ('invalid_utf8', 'its value is not UTF-8'),
    (
        'not_json',
        'it is not one JSON value or has a key twice, or it is nested or long beyond a parser'
    ),
    ('not_an_object', 'it is JSON but no object'),
    ('unknown_schema', 'it is an object with none of the keys of an attempt'),
    ('invalid_text', 'a string has NUL or half of a surrogate pair as an escape'),
    ('wrong_type', 'a key has a value of another type than the schema says'),
    ('missing_key', 'a key without which the message says nothing is absent or null'),
    ('blank_value', 'a name or an id is empty or shows nothing'),
    (
        'impossible_value',
        'a moment cannot be read or is out of bounds or a value is none of those it can have'
    ),
    (
        'contradicting_values',
        'its results do not follow from the ticks or its counts from the results'
    )
        as rejection_reasons (reason, meaning)
