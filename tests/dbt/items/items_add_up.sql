-- The items together have the responses, results and selections of all attempts.
with

compared as (
    {% for what, items, items_count, others, others_count in [
        ('responses', 'question_difficulty', 'responses', 'unanswered_by_course', 'questions_attempts'),
        (
            'responses of messages', 'question_difficulty', 'responses_of_messages',
            'unanswered_by_course', 'questions_messages'
        ),
        (
            'incomplete responses', 'question_difficulty', 'incomplete_responses',
            'unanswered_by_course', 'incomplete_attempts'
        ),
        (
            'unanswered responses', 'question_difficulty', 'unanswered_responses',
            'unanswered_by_course', 'unanswered_attempts'
        ),
        (
            'correct responses', 'question_difficulty', 'correct_responses',
            'raw_score_distribution', 'correct_count * attempts'
        ),
        (
            'correct responses of messages', 'question_difficulty', 'correct_responses_of_messages',
            'raw_score_distribution', 'correct_count * messages'
        ),
        (
            'selections', 'option_selection_rates', 'selections',
            'fct_option_selections', 'if(is_test_record, 0, 1)'
        ),
    ] -%}
        select
            '{{ what }}' as what,
            (select coalesce(sum({{ items_count }}), 0) from {{ ref(items) }}) as in_items,
            (select coalesce(sum({{ others_count }}), 0) from {{ ref(others) }}) as in_others
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    what,
    in_items,
    in_others
from compared
where in_items != in_others
