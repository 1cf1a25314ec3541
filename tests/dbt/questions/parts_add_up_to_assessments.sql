-- Courses, exams, hours, weekdays, dates and redeliveries add up to all assessments, and score bins
-- and raw scores to those with a score.
with

parts as (
    {% for model in [
        'course_popularity', 'courses_per_exam', 'attempts_by_hour', 'attempts_by_weekday',
        'attempts_by_date', 'message_redeliveries', 'score_distribution', 'score_distribution_by_course',
        'raw_score_distribution',
    ] -%}
        select
            '{{ model }}' as model,
            {{ 'true' if 'score' in model else 'false' }} as is_scored,
            coalesce(sum(messages), 0) as messages,
            coalesce(sum(attempts), 0) as attempts
        from {{ ref(model) }}
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    parts.model,
    parts.messages,
    parts.attempts,
    if(parts.is_scored, scored.messages, taken.messages) as all_messages,
    if(parts.is_scored, scored.attempts, taken.attempts) as all_attempts
from parts
cross join {{ ref('assessments_taken') }} as taken
cross join {{ ref('average_score') }} as scored
where
    parts.messages != if(parts.is_scored, scored.messages, taken.messages)
    or parts.attempts != if(parts.is_scored, scored.attempts, taken.attempts)
