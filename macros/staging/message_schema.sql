{#- The schema of a message of the topic `assess`, and `misfit` for the text of one that does not fit. -#}
{% macro message_schema() -%}
    keen_id string,
    user_exam_id string,
    base_exam_id string,
    exam_name string,
    started_at string,
    keen_timestamp string,
    keen_created_at string,
    max_attempts string,
    certification string,
    sequences struct<
        id: string,
        attempt: int,
        counts: struct<
            incomplete: int,
            submitted: int,
            incorrect: int,
            all_correct: boolean,
            correct: int,
            total: int,
            unanswered: int
        >,
        questions: array<struct<
            id: string,
            user_incomplete: boolean,
            user_correct: boolean,
            user_submitted: boolean,
            user_result: string,
            options: array<struct<
                id: string,
                checked: boolean,
                correct: boolean,
                at: string,
                submitted: int
            >>
        >>
    >,
    misfit string
{%- endmacro %}


{#- What a message cannot do without inside `sequences`: pairs of a path and when it is missing. -#}
{% macro missing_in_sequences(sequences) -%}
    {%- set questions = sequences ~ '.questions' -%}
    {{ return([
        ('sequences', sequences ~ ' is null'),
        ('sequences.id', sequences ~ '.id is null'),
        ('sequences.questions', questions ~ ' is null'),
        ('questions.id', 'exists(' ~ questions ~ ', q -> q.id is null)'),
        ('questions.options', 'exists(' ~ questions ~ ', q -> q.options is null)'),
        ('options.id', 'exists(' ~ questions ~ ', q -> exists(q.options, o -> o.id is null))'),
        ('options.checked', 'exists(' ~ questions ~ ', q -> exists(q.options, o -> o.checked is null))'),
    ]) }}
{%- endmacro %}
