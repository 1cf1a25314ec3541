select *
from values
    ('null_value', 'the record has no value'),
    ('invalid_utf8', 'its value is not UTF-8'),
    ('not_json', 'it is not one JSON value or an object has a key twice'),
    ('not_an_object', 'it is JSON but no object'),
    ('unknown_schema', 'it is an object with none of the keys of an attempt'),
    ('wrong_type', 'a key has a value of another type than the schema says'),
    ('missing_key', 'a key without which the message says nothing is absent or null'),
    ('impossible_value', 'a moment cannot be read')
    as rejection_reasons (reason, meaning)
