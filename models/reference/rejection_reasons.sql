select *
from
    values
    ('null_value', 'the record has no value'),
    ('invalid_utf8', 'its value is not UTF-8'),
    (
        'not_json',
        'it is not one JSON value or has a key twice, or it is nested too deeply or too long'
    ),
    ('not_an_object', 'it is JSON but not an object'),
    ('unknown_schema', 'it is an object with none of the keys of an attempt'),
    ('invalid_text', 'a string has NUL or half of a surrogate pair as an escape'),
    ('wrong_type', 'a key has a value of another type than the schema says'),
    ('missing_key', 'a required key is absent or null'),
    ('blank_value', 'a name or an id is blank'),
    ('invalid_timestamp', 'a timestamp cannot be parsed or is out of bounds'),
    ('invalid_value', 'a number is out of range or a result is none of the known ones'),
    (
        'contradicting_values',
        'its results do not follow from the selections or its counts do not follow from the results'
    )
        as rejection_reasons (reason, meaning)
