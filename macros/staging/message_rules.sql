{#-
    What has to be true of one message, as pairs of a path and the condition under which it is
    wrong. The rules of the models' tests hold because a message that breaks one of these is
    rejected. `message` is the message as a struct.
-#}

{#- The paths whose condition is true, as text; empty if none is. -#}
{% macro paths_where(pairs) -%}
    concat_ws(
        ', ',
        {% for path, is_wrong in pairs -%}
            if({{ is_wrong }}, '{{ path }}', null){{ ',' if not loop.last }}
        {% endfor -%}
    )
{%- endmacro %}


{#- Whether it is one of the developers' test records, which have no counts and no results. -#}
{% macro is_test_record(message) -%}
    ({{ message }}.base_exam_id = 'example-id')
{%- endmacro %}


{#- The ids and names of a message, as pairs of a path and whether one is what a lambda `(x)` says. -#}
{% macro any_name(message, condition) -%}
    {%- set questions = message ~ '.sequences.questions' -%}
    {%- set found = [] -%}
    {%- for field in ['keen_id', 'user_exam_id', 'base_exam_id', 'exam_name', 'sequences.id'] -%}
        {%- do found.append((field, condition(message ~ '.' ~ field))) -%}
    {%- endfor -%}
    {%- do found.append(('questions.id', 'exists(' ~ questions ~ ', q -> ' ~ condition('q.id') ~ ')')) -%}
    {%- do found.append(('options.id', 'exists(' ~ questions ~ ', q -> exists(q.options, o -> ' ~ condition('o.id') ~ '))')) -%}
    {{ return(found) }}
{%- endmacro %}


{#- What a message cannot do without. -#}
{% macro missing_values(message) -%}
    {%- set sequences = message ~ '.sequences' -%}
    {%- set questions = sequences ~ '.questions' -%}
    {%- set found = any_name(message, is_null) -%}
    {%- for field in ['started_at', 'keen_timestamp'] -%}
        {%- do found.append((field, message ~ '.' ~ field ~ ' is null')) -%}
    {%- endfor -%}
    {%- do found.append(('sequences.questions', questions ~ ' is null')) -%}
    {%- do found.append(('questions.options', 'exists(' ~ questions ~ ', q -> q.options is null)')) -%}
    {%- do found.append(('options.checked', 'exists(' ~ questions ~ ', q -> exists(q.options, o -> o.checked is null))')) -%}
    {%- set counts = sequences ~ '.counts' -%}
    {%- do found.append(('counts', counts ~ ' is null and ' ~ is_test_record(message) ~ ' is not true')) -%}
    {%- for field in message_fields().counts -%}
        {%- do found.append(('counts.' ~ field, counts ~ ' is not null and ' ~ counts ~ '.' ~ field ~ ' is null and not ' ~ is_test_record(message))) -%}
    {%- endfor -%}
    {%- for field in result_fields() -%}
        {%- do found.append(('questions.' ~ field, 'exists(' ~ questions ~ ', q -> q.' ~ field ~ ' is null) and not ' ~ is_test_record(message))) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}


{% macro is_null(value) %}
    {{ return(value ~ ' is null') }}
{% endmacro %}


{#- The fields of a question that say how it was answered, and when each is true of the result. -#}
{% macro result_fields() %}
    {{ return({
        'user_result': none,
        'user_correct': "q.user_result = 'correct'",
        'user_incomplete': "q.user_result = 'missed_some'",
        'user_submitted': "q.user_result != 'unanswered'",
    }) }}
{% endmacro %}


{#- The results that there are, and the field of `counts` that counts each: the seed `user_results`. -#}
{% macro results() %}
    {{ return({
        'correct': 'correct', 'incorrect': 'incorrect', 'missed_some': 'incomplete', 'unanswered': 'unanswered',
    }) }}
{% endmacro %}


{#- Values that cannot be, each by itself. -#}
{% macro impossible_values(message, written_at) -%}
    {%- set started_at = from_iso_8601(message ~ '.started_at') -%}
    {%- set recorded_at = from_unix_seconds(message ~ '.keen_timestamp') -%}
    {{ return([
        ('started_at', possible_moment(started_at, written_at) ~ ' is null'),
        ('keen_timestamp', possible_moment(recorded_at, written_at) ~ ' is null'),
        ('sequences.attempt', message ~ '.sequences.attempt < 1'),
        ('questions.user_result', 'exists(' ~ message ~ ".sequences.questions, q -> q.user_result not in ('" ~ results() | join("', '") ~ "'))"),
    ]) }}
{%- endmacro %}


{#-
    Values that contradict one another: results follow from the ticks, and counts from the results.
    A test record has neither.
-#}
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
        {%- set expected = condition or result_of_ticks() -%}
        {%- do found.append(('questions.' ~ field, 'exists(' ~ questions ~ ', q -> if(' ~ is_test ~ ', q.' ~ field ~ ' is not null, q.' ~ field ~ ' != (' ~ expected ~ ')))')) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}


{#- The result of the question `q` that follows from the ticks. -#}
{% macro result_of_ticks() -%}
    case
        when not exists(q.options, o -> o.checked) then 'unanswered'
        when exists(q.options, o -> o.checked and o.correct is not true) then 'incorrect'
        when exists(q.options, o -> not o.checked and o.correct) then 'missed_some'
        else 'correct'
    end
{%- endmacro %}
