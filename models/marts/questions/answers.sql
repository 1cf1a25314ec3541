with

most_common as (
    select
        'Which course was taken most often?' as question,
        coalesce(course_by_messages, 'no data') as answer_messages,
        coalesce(course_by_attempts, 'no data') as answer_attempts,
        'course' as unit,
        'The exam_name with the most messages, or attempts; equals are named together.'
            as definition,
        messages as value_messages,
        attempts as value_attempts
    from {{ ref('most_common_course') }}
),

popularity as (
    select
        concat(
            'How many took ', coalesce({{ listagg_distinct('exam_name', 'rank = 1') }}, 'it'), '?'
        ) as question,
        {{ format_number('max(messages)') }} as answer_messages,
        {{ format_number('max(attempts)') }} as answer_attempts,
        'assessments' as unit,
        'All of the course with the most messages. Attempts, not people: no field names a person.'
            as definition,
        max(messages) as value_messages,
        max(attempts) as value_attempts
    from {{ ref('course_popularity') }}
    where rank = 1
),

courses as (
    select
        'How many courses were assessed?' as question,
        {{ format_number('courses') }} as answer_messages,
        {{ format_number('courses') }} as answer_attempts,
        'courses' as unit,
        'Different values of exam_name, that of the test records included.' as definition,
        courses as value_messages,
        courses as value_attempts
    from {{ ref('courses_assessed') }}
),

assessments as (
    select
        'How many assessments were taken?' as question,
        {{ format_number('messages') }} as answer_messages,
        {{ format_number('attempts') }} as answer_attempts,
        'assessments' as unit,
        'Messages that arrived, or attempts, each once; with test records.'
            as definition,
        messages as value_messages,
        attempts as value_attempts
    from {{ ref('assessments_taken') }}
),

score as (
    select
        'How many questions are answered right on average?' as question,
        {{ format_number('average_over_messages * 100', 3, ' %') }} as answer_messages,
        {{ format_number('average_over_attempts * 100', 3, ' %') }} as answer_attempts,
        'of the questions of an assessment' as unit,
        'The mean of correct / total; test records have no counts and are left out.' as definition,
        average_over_messages * 100 as value_messages,
        average_over_attempts * 100 as value_attempts
    from {{ ref('average_score') }}
),

perfect as (
    select
        'How many got everything right?' as question,
        {{ format_number('messages') }} as answer_messages,
        {{ format_number('attempts') }} as answer_attempts,
        'assessments' as unit,
        'Those whose counts say all_correct; test records have no counts and are left out.'
            as definition,
        messages as value_messages,
        attempts as value_attempts
    from {{ ref('perfect_scores') }}
),

not_measurable as (
    select
        question_id,
        question,
        if(is_measurable, 'measurable, not yet modelled', 'not measurable') as answer,
        concat(reason, ' Seen: ', evidence, '.') as definition
    from {{ ref('unanswerable_questions') }}
),

answers as (
    {% for position, id, cte in [
        (1, 'most_common_course', 'most_common'),
        (2, 'course_popularity', 'popularity'),
        (3, 'courses_assessed', 'courses'),
        (4, 'assessments_taken', 'assessments'),
        (5, 'average_score', 'score'),
        (6, 'perfect_scores', 'perfect'),
    ] -%}
        select
            {{ position }} as position,
            '{{ id }}' as question_id,
            *
        from {{ cte }}
        union all
    {% endfor -%}
    select
        cast(6 + row_number() over (order by question_id) as int) as position,
        question_id,
        question,
        answer as answer_messages,
        answer as answer_attempts,
        '' as unit,
        definition,
        null as value_messages,
        null as value_attempts
    from not_measurable
)

select
    position,
    question_id,
    question,
    answer_messages,
    answer_attempts,
    unit,
    definition,
    cast(value_messages as double) as value_messages,
    cast(value_attempts as double) as value_attempts
from answers
