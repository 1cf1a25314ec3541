{% macro contradicting_values(message) -%}
    {%- set is_test = is_test_record(message) -%}
    {%- set counts = message ~ '.sequences.counts' -%}
    {%- set questions = message ~ '.sequences.questions' -%}
    {%- set count_of = {'total': 'size(' ~ questions ~ ')', 'all_correct': counts ~ '.correct = ' ~ counts ~ '.total'} -%}
    {%- for result, field in results().items() -%}
        {%- do count_of.update({field: 'size(filter(' ~ questions ~ ", q -> q.user_result = '" ~ result ~ "'))"}) -%}
    {%- endfor -%}
    {%- do count_of.update({'submitted': count_of.total ~ ' - ' ~ count_of.unanswered}) -%}
    {%- set found = [] -%}
    {%- for field in message_fields().counts -%}
        {%- do found.append(('counts.' ~ field, 'if(' ~ is_test ~ ', ' ~ counts ~ '.' ~ field ~ ' is not null, ' ~ counts ~ '.' ~ field ~ ' != (' ~ count_of[field] ~ '))')) -%}
    {%- endfor -%}
    {%- for field, condition in result_fields().items() -%}
        {%- set expected = condition or result_of_selections() -%}
        {%- do found.append(('questions.' ~ field, 'exists(' ~ questions ~ ', q -> if(' ~ is_test ~ ', q.' ~ field ~ ' is not null, q.' ~ field ~ ' != (' ~ expected ~ ')))')) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}


{% macro result_of_selections() -%}
    case
        when not exists(q.options, o -> o.checked) then 'unanswered'
        when exists(q.options, o -> o.checked and o.correct is not true) then 'incorrect'
        when exists(q.options, o -> not o.checked and o.correct) then 'missed_some'
        else 'correct'
    end
{%- endmacro %}


{% macro result_fields() %}
    {{ return({
        'user_result': none,
        'user_correct': "q.user_result = 'correct'",
        'user_incomplete': "q.user_result = 'missed_some'",
        'user_submitted': "q.user_result != 'unanswered'",
    }) }}
{% endmacro %}


{% macro results() %}
    {{ return({
        'correct': 'correct', 'incorrect': 'incorrect', 'missed_some': 'incomplete', 'unanswered': 'unanswered',
    }) }}
{% endmacro %}
