{% macro parse_record(information) %}
    {% set record = {
        'snapshot': none, 'batch': 0, 'code': none, 'whole': none, 'parents': {},
        'description': none, 'published_at': none, 'replaced_at': none,
    } %}
    {% for key, pattern in [
        ('snapshot', '(?:assay.snapshot|current-snapshot-id)=(\\d+)'),
        ('description', 'assay.description=(\\w+)'),
        ('published_at', 'assay.published_at=([^,\\]\\n]+)'),
        ('replaced_at', 'transient_lastDdlTime=(\\d+)'),
    ] %}
        {% for value in modules.re.findall(pattern, information) %}
            {% do record.update({key: value}) %}
        {% endfor %}
    {% endfor %}
    {% for text in modules.re.findall('assay\\.build"?[=:]"?([^",\\]\\n]+)', information) %}
        {% set words = text.split(' ') %}
        {% do record.update({'batch': words[0] | int, 'code': words[1], 'whole': words[2]}) %}
        {% for word in words[3:] %}
            {% do record.parents.update({word.split('=')[0]: word.split('=')[1]}) %}
        {% endfor %}
    {% endfor %}
    {{ return(record) }}
{% endmacro %}


{% macro format_record(record) %}
    {% set words = [record.batch, record.code, record.whole] %}
    {% for parent, state in record.parents | dictsort %}
        {% do words.append(parent ~ '=' ~ state) %}
    {% endfor %}
    {{ return(words | join(' ')) }}
{% endmacro %}


{% macro record_in_snapshots(record) %}
    {% do run_query('set `spark.sql.iceberg.snapshot-property.assay.build` = ' ~ format_record(record)) %}
{% endmacro %}
