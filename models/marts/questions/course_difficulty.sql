with

-- The sum of decimals does not depend on their order. Test records have no score.
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
    having count(*) >= {{ setting('min_attempts') }}
),

estimates as (
    select
        *,
        total / attempts as mean_score,
        total_of_messages / messages as mean_score_of_messages,
        -- Sample variance; rounding could make that of equal scores negative.
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
    greatest(mean_score - 1.96D * sqrt(variance / attempts), 0.0D) as mean_score_ci_lower,
    least(mean_score + 1.96D * sqrt(variance / attempts), 1.0D) as mean_score_ci_upper,
    -- Rounded, so that means which differ only by rounding errors share a rank.
    cast(rank() over (order by round(mean_score, 12)) as bigint) as difficulty_rank,
    cast(rank() over (order by round(mean_score, 12) desc) as bigint) as facility_rank
from estimates
