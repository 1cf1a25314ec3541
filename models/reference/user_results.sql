select *
from
    values
    ('correct', 'correct', 'the ticked options are exactly the right ones'),
    ('incorrect', 'incorrect', 'a wrong option is ticked'),
    ('missed_some', 'incomplete', 'only right options are ticked but not all of them'),
    ('unanswered', 'unanswered', 'no option is ticked')
        as user_results (user_result, counted_as, meaning)
