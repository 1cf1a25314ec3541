-- Macros that render a value, each on the cases that its description names.
{% set message -%}
    parse_json('{"keen_id":1,"new":2,"sequences":{"id":1,"s":1,"counts":{"total":1,"c":1},
    "questions":[{"id":1,"q":1,"options":[{"id":1,"o":{"deep":1}},null,{"o":2}]},{"q":1}]}}')
{%- endset %}
{% set plain = "parse_json('{\"keen_id\":1}')" %}
{% set keys = "array('keen_id', 'new', 'sequences')" %}
{% set questions = question_maps(message) %}
{% set written_at = "timestamp '2018-01-23T00:00:00Z'" %}

with

cases as (
    select inline(array(
        {% for name, found, wanted in [
            ('an ISO timestamp', from_iso_8601("'2018-01-23T14:23:19.082Z'"), "timestamp '2018-01-23T14:23:19.082Z'"),
            ('an ISO timestamp with an offset', from_iso_8601("'2018-01-23T14:23:19+02:00'"), "timestamp '2018-01-23T12:23:19Z'"),
            ('an ISO timestamp without a zone', from_iso_8601("'2018-01-23T14:23:19'"), 'null'),
            ('no such month', from_iso_8601("'2018-13-23T14:23:19Z'"), 'null'),
            ('Unix seconds', from_unix_seconds("'1516717442.735266'"), "timestamp '2018-01-23T14:24:02.735266Z'"),
            ('Unix seconds are digits', from_unix_seconds("'1e9'"), 'null'),
            ('no Unix seconds', from_unix_seconds('cast(null as string)'), 'null'),
            ('the latest valid timestamp', valid_timestamp("timestamp '2018-01-24T00:00:00Z'", written_at), "timestamp '2018-01-24T00:00:00Z'"),
            ('a timestamp that is too late', valid_timestamp("timestamp '2018-01-24T00:00:00.000001Z'", written_at), 'null'),
            ('the earliest valid timestamp', valid_timestamp("timestamp '2000-01-01T00:00:00Z'", written_at), "timestamp '2000-01-01T00:00:00Z'"),
            ('a timestamp that is too early', valid_timestamp("timestamp '1999-12-31T23:59:59.999999Z'", written_at), 'null'),
            ('no character is blank', is_blank("''"), 'true'),
            ('Unicode has other spaces', is_blank("' \\u00a0\\u3000\\u200b\\t'"), 'true'),
            ('a dot is not blank', is_blank("' . '"), 'false'),
            ('half of a pair', has_invalid_escape("concat(char(92), 'ud83d')"), 'true'),
            ('the halves of a pair, exchanged', has_invalid_escape("concat(char(92), 'ude00', char(92), 'ud83d')"), 'true'),
            ('a pair', has_invalid_escape("concat(char(92), 'uD83D', char(92), 'uDE00')"), 'false'),
            ('NUL after a backslash', has_invalid_escape("concat(char(92), char(92), char(92), 'u0000')"), 'true'),
            ('a backslash before u', has_invalid_escape("concat(char(92), char(92), 'u0000')"), 'false'),
            ('the last instant of a day', utc_date("timestamp '2018-01-01T23:59:59.999999Z'"), "date '2018-01-01'"),
            ('a date before 1970', utc_date("timestamp '1969-12-31T23:59:59Z'"), "date '1969-12-31'"),
            ('an hour before 1970', utc_hour("timestamp '1969-12-31T23:59:59Z'"), '23'),
            ('the first instant of an hour', utc_hour("timestamp '2018-01-01T05:00:00Z'"), '5'),
            ('a median', percentile('array(1D, 2D, 4D, 8D)', 0.5), '3.0D'),
            ('a percentile that is one of the values', percentile('array(1D, 2D, 4D)', 0.5), '2.0D'),
            ('a percentile of one value', percentile('array(7D)', 0.9), '7.0D'),
            ('a percentile of nothing', percentile('cast(array() as array<double>)', 0.5), 'null'),
            ('a share', safe_divide('1', '4'), '0.25D'),
            ('a share of nothing', safe_divide('0', '0'), 'null'),
            ('the interval of 81 of 263 (Newcombe 1998, table I, method 3)', 'round(' ~ wilson_interval('81', '263', 'lower') ~ ', 4)', '0.2553D'),
            ('its upper end', 'round(' ~ wilson_interval('81', '263', 'upper') ~ ', 4)', '0.3662D'),
            ('an interval that is not symmetric', 'round(' ~ wilson_interval('1', '29', 'upper') ~ ', 4)', '0.1718D'),
            ('the interval of 0 of 20 begins at 0', wilson_interval('0', '20', 'lower') ~ ' = 0', 'true'),
            ('its upper end', 'round(' ~ wilson_interval('0', '20', 'upper') ~ ', 4)', '0.1611D'),
            ('the interval of 20 of 20 ends at 1', wilson_interval('20', '20', 'upper') ~ ' = 1', 'true'),
            ('an interval of nothing', wilson_interval('0', '0', 'lower'), 'null'),
            ('its upper end', wilson_interval('0', '0', 'upper'), 'null'),
            ('seconds', seconds_between("timestamp '2018-01-01T00:00:00.25Z'", "timestamp '2018-01-01T00:00:00Z'"), '-0.25'),
            ('a number as text', format_number('3280'), "'3,280'"),
            ('a share as text', format_number('62.6567', 3, ' %'), "'62.657 %'"),
            ('null as text', format_number('null'), "'no data'"),
            ('a literal with quotes', string_literal("Don't \\ \"stop\""), 'concat("Don", char(39), "t ", char(92), " ", char(34), "stop", char(34))'),
            ('unknown keys at every level', unknown_keys(message, keys, questions, option_maps(questions)) ~ '::string', "'[counts.c, new, options.o, questions.q, sequences.s]'"),
            ('no unknown keys', unknown_keys(plain, "array('keen_id')", question_maps(plain), option_maps(question_maps(plain))) ~ '::string', 'null'),
        ] -%}
        struct(
            {{ string_literal(name) }} as name,
            cast({{ found }} as string) as found,
            cast({{ wanted }} as string) as wanted
        ){{ ',' if not loop.last }}
        {% endfor %}
    ))
)

select
    name,
    found,
    wanted
from cases
where
    case
        when try_cast(wanted as decimal(20, 6)) is null then not found <=> wanted
        else not try_cast(found as decimal(20, 6)) <=> try_cast(wanted as decimal(20, 6))
    end
