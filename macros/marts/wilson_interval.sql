{#- The upper end is 1 less the lower end of what is not counted. No small number is the difference of two
    large ones, so 0 of n begins at exactly 0 and n of n ends at exactly 1. -#}
{% macro wilson_interval(part, whole, bound) -%}
    {%- set counted = part if bound == 'lower' else '(' ~ whole ~ ' - ' ~ part ~ ')' -%}
    {{ '1.0D - ' if bound == 'upper' }}try_divide(1.0D * {{ counted }} * {{ counted }}, {{ whole }}) / (
        {{ counted }} + 0.5D * 1.96D * 1.96D
        + 1.96D * sqrt(try_divide(1.0D * {{ part }} * ({{ whole }} - {{ part }}), {{ whole }}) + 0.25D * 1.96D * 1.96D)
    )
{%- endmacro %}
