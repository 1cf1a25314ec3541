select *
from
    values
    ('correct', 'correct', 'the selected options are exactly the correct ones'),
    ('incorrect', 'incorrect', 'a distractor is selected'),
    ('missed_some', 'incomplete', 'only correct options are selected but not all of them'),
    ('unanswered', 'unanswered', 'no option is selected')
        as user_results (user_result, counted_as, meaning)
