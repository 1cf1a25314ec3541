-- In which courses does the greatest share of questions stay unanswered?
select
    exam_name,
    popularity.attempts,
    counts.questions_attempts as questions_shown,
    counts.unanswered_attempts as questions_unanswered,
    counts.unanswered_share_of_attempts as unanswered_share,
    {{ wilson_interval('counts.unanswered_attempts', 'counts.questions_attempts', 'lower') }}
        as unanswered_share_ci_lower,
    {{ wilson_interval('counts.unanswered_attempts', 'counts.questions_attempts', 'upper') }}
        as unanswered_share_ci_upper
from {{ published(ref('unanswered_by_course')) }} as counts
inner join {{ published(ref('course_popularity')) }} as popularity using (exam_name)
where popularity.attempts >= {{ setting('min_attempts') }}
order by unanswered_share desc, questions_shown desc, exam_name asc
