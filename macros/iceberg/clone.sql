{% materialization clone, adapter='spark' %}
    {{ exceptions.raise_compiler_error(
        'assay has one warehouse, so there is nothing to clone ' ~ this ~ ' from or to; '
        ~ 'for a second one set ASSAY_STATE, or ASSAY_TARGET to another server'
    ) }}
{% endmaterialization %}
