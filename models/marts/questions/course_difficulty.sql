with

-- Decimals add up to the same in any order. Test records have no score.
summed as (
    select
        exam_name,
        count(*) as attempts,
        sum(message_count) as messages,
        cast(sum(score) as double) as total,
        cast(sum(score * message_count) as double) as total_of_messages,
        cast(sum(score * score) as double) as total_of_squares
    from {{ ref('fct_attempts') }}
    where score is not null
    group by exam_name
    having count(*) >= {{ setting('fewest_attempts') }}
),

moments as (
    select
        *,
        total / attempts as mean_score,
        total_of_messages / messages as mean_score_of_messages,
        -- Of a sample; never below zero, which rounding could make of equal scores.
        greatest(total_of_squares - total * total / attempts, 0.0D)
        / nullif(attempts - 1, 0) as variance
    from summed
)

select
    exam_name,
    messages,
    attempts,
    mean_score_of_messages,
    mean_score,
    greatest(mean_score - 1.96D * sqrt(variance / attempts), 0.0D) as mean_score_low,
    least(mean_score + 1.96D * sqrt(variance / attempts), 1.0D) as mean_score_high,
    -- Courses with the same mean share a place; thirds and the like are cut at some digit.
    cast(rank() over (order by round(mean_score, 12)) as bigint) as place_from_hardest,
    cast(rank() over (order by round(mean_score, 12) desc) as bigint) as place_from_easiest
from moments
