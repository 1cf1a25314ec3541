{{ time_to_finish(ref('fct_attempts'), by='exam_name') }}
