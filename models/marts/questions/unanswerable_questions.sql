with

attempts as (
    select * from {{ ref('flat_attempts') }}
),

seen as (
    select
        count(*) as attempts,
        count_if(is_certification) as certified,
        count_if(not is_certification) as not_certified,
        count_if(is_certification is null) as certification_unknown,
        count_if(max_attempts > 1) as allowed_again,
        count_if(sequence_attempt > 1) as taken_again,
        count(distinct user_exam_id) as user_exam_ids
    from attempts
)

select
    inline(array(
        struct(
            'certification_uptake' as question_id,
            'How many sought a certification?' as question,
            certified > 0 as is_measurable,
            concat(
                'The field `certification` is never true: ',
                'nobody was offered one, or it is not recorded.'
            ) as reason,
            concat_ws(
                '',
                format_number(not_certified, 0), ' attempts say false, ',
                format_number(certification_unknown, 0), ' say nothing, ',
                format_number(certified, 0), ' say true'
            ) as evidence
        ),
        struct(
            'repeat_attempts' as question_id,
            'How many people took an assessment more than once?' as question,
            allowed_again + taken_again > 0 as is_measurable,
            'No field names a person, and every attempt is the first of one allowed.' as reason,
            concat_ws(
                '',
                'of ', format_number(attempts, 0), ' attempts, ',
                format_number(allowed_again, 0), ' allow another, ',
                format_number(taken_again, 0), ' are not the first, and ',
                format_number(user_exam_ids, 0), ' have a user_exam_id of their own'
            ) as evidence
        )
    ))
from seen
