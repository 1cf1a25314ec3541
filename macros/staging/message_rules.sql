{#-
    The rules of the models' tests hold because a message that breaks one of these is rejected. Each
    macro returns pairs of a path and the SQL condition under which it is invalid.
-#}
{% macro paths_where(pairs) -%}
    concat_ws(
        ', ',
        {% for path, is_invalid in pairs -%}
            if({{ is_invalid }}, '{{ path }}', null){{ ',' if not loop.last }}
        {% endfor -%}
    )
{%- endmacro %}


{% macro is_test_record(message) -%}
    ({{ message }}.base_exam_id = 'example-id')
{%- endmacro %}


{% macro name_conditions(message, condition) -%}
    {%- set questions = message ~ '.sequences.questions' -%}
    {%- set found = [] -%}
    {%- for field in ['keen_id', 'user_exam_id', 'base_exam_id', 'exam_name', 'sequences.id'] -%}
        {%- do found.append((field, condition(message ~ '.' ~ field))) -%}
    {%- endfor -%}
    {%- do found.append(('questions.id', 'exists(' ~ questions ~ ', q -> ' ~ condition('q.id') ~ ')')) -%}
    {%- do found.append(('options.id', 'exists(' ~ questions ~ ', q -> exists(q.options, o -> ' ~ condition('o.id') ~ '))')) -%}
    {{ return(found) }}
{%- endmacro %}


{% macro missing_values(message) -%}
    {%- set sequences = message ~ '.sequences' -%}
    {%- set questions = sequences ~ '.questions' -%}
    {%- set found = name_conditions(message, is_null) -%}
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


{% macro invalid_timestamps(message, written_at) -%}
    {%- set started_at = from_iso_8601(message ~ '.started_at') -%}
    {%- set recorded_at = from_unix_seconds(message ~ '.keen_timestamp') -%}
    {{ return([
        ('started_at', valid_timestamp(started_at, written_at) ~ ' is null'),
        ('keen_timestamp', valid_timestamp(recorded_at, written_at) ~ ' is null'),
    ]) }}
{%- endmacro %}


{% macro invalid_values(message) -%}
    {{ return([
        ('sequences.attempt', message ~ '.sequences.attempt < 1'),
        ('questions.user_result', 'exists(' ~ message ~ ".sequences.questions, q -> q.user_result not in ('" ~ results() | join("', '") ~ "'))"),
    ]) }}
{%- endmacro %}


{% macro mistyped_values(message, document, questions, options) -%}
    {%- set found = [] -%}
    {%- for object, fields in message_fields().items() -%}
        {%- for field, type in fields.items() if type == 'string' -%}
            {%- if object in ('questions', 'options') -%}
                {%- set maps = questions if object == 'questions' else options -%}
                {%- do found.append((object ~ '.' ~ field, 'exists(' ~ maps ~ ", m -> schema_of_variant(m['" ~ field ~ "']) not in ('STRING', 'VOID'))")) -%}
            {%- else -%}
                {%- set path = object ~ '.' ~ field if object else field -%}
                {%- do found.append((path, 'schema_of_variant(try_variant_get(' ~ document ~ ", '$." ~ path ~ "', 'variant')) not in ('STRING', 'VOID')")) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do found.append(('a value that does not fit its column', message ~ '._corrupt_record is not null')) -%}
    {{ return(found) }}
{%- endmacro %}
