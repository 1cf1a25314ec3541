select
    base_exam_id,
    question_id,
    responses_of_messages,
    responses,
    1.0D - power(0.05D, 1.0D / responses) as error_rate_upper_95
from {{ ref('question_difficulty') }}
where correct_responses = responses
