-- In which courses would the greatest share of attempts fail at the pass mark?
select
    exam_name,
    pass_mark,
    all_attempts,
    attempts as attempts_below,
    share_of_attempts as share_below,
    share_of_attempts_ci_lower as share_below_ci_lower,
    share_of_attempts_ci_upper as share_below_ci_upper
from {{ published(ref('below_pass_mark_by_course')) }}
where all_attempts >= {{ setting('min_attempts') }}
order by share_below desc, all_attempts desc, exam_name asc
