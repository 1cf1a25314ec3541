{#-
    A percentile of numbers in ascending order, between two of them interpolated; null of none. As
    Spark's `percentile`, which counts every value in a hash table and takes several times as long.

    Args:
        ordered: an array of doubles without nulls.
        share: which one, from 0 to 1; 0.5 is the median.
-#}
{% macro percentile(ordered, share) -%}
    {%- set place = '(size(' ~ ordered ~ ') - 1) * ' ~ share ~ 'D' -%}
    {%- set below = 'get(' ~ ordered ~ ', cast(floor(' ~ place ~ ') as int))' -%}
    {%- set above = 'get(' ~ ordered ~ ', cast(ceil(' ~ place ~ ') as int))' -%}
    {{ below }} + ({{ above }} - {{ below }}) * ({{ place }} - floor({{ place }}))
{%- endmacro %}
