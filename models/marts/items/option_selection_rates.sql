with

-- Few attempts have duplicates; every other one has one message.
redelivered as (
    select
        message_id,
        message_count
    from {{ ref('fct_attempts') }}
    where message_count > 1
),

-- `fct_option_selections` has no options that were shown and not selected.
shown as (
    select /*+ broadcast(redelivered) */
        shown.base_exam_id,
        shown.question_id,
        shown.option_id,
        shown.is_checked,
        coalesce(redelivered.message_count, 1) as message_count
    from {{ ref('flat_options') }} as shown
    left join redelivered using (message_id)
    where not shown.is_test_record
),

counted as (
    select
        base_exam_id,
        question_id,
        option_id,
        sum(message_count) as responses_of_messages,
        count(*) as responses,
        coalesce(sum(message_count) filter (where is_checked), 0) as selections_of_messages,
        count_if(is_checked) as selections
    from shown
    group by base_exam_id, question_id, option_id
)

select
    base_exam_id,
    question_id,
    option_id,
    options.is_correct,
    counted.responses_of_messages,
    counted.responses,
    counted.selections_of_messages,
    counted.selections,
    {{ safe_divide('counted.selections', 'counted.responses') }} as selection_share,
    {{ wilson_interval('counted.selections', 'counted.responses', 'lower') }}
        as selection_share_ci_lower,
    {{ wilson_interval('counted.selections', 'counted.responses', 'upper') }}
        as selection_share_ci_upper
from counted
left join {{ ref('dim_options') }} as options using (base_exam_id, question_id, option_id)
