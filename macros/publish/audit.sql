{#-
    What the tests of a build look at. Published rows of incremental tables have been audited, and a
    build adds batches: it audits those. The message counts that it updates in older rows are for
    tests of sums. Everything is audited by `dbt test` and `--full-refresh`, by a build that deleted
    rows, and after a table's description or tests have changed, because the tag of its published
    snapshot is named by them.
-#}

{#- A condition: true of the rows of a table, or of a view of one, that the tests of this build look at. -#}
{% macro to_audit(relation) %}
    {% set node = table_of(node_of(relation)) if execute and node_of(relation) %}
    {% if not node or node.config.materialized != 'incremental' or flags.WHICH != 'build' or flags.FULL_REFRESH %}
        {{ return('true') }}
    {% endif %}
    {% set history = history_of(node) %}
    {% set published = kept(history, history.refs.get(published_tag(node))) %}
    {% if not published %}
        {{ return('true') }}
    {% endif %}
    {{ return(added_since(node.relation_name, published)) }}
{% endmacro %}


{#-
    Keys that readers see in a table and that it has no longer, as a subquery; none if it has kept all
    its rows. `unknown` if readers see nothing of it.
-#}
{% macro lost_keys(relation, columns) %}
    {% set history = history_of(node_of(relation)) %}
    {% set published = history.refs.items() | rejectattr(0, 'eq', 'main') | map(attribute=1) | first %}
    {% if not published %}
        {{ return('unknown') }}
    {% elif kept(history, published) %}
        {{ return(none) }}
    {% endif %}
    {% set columns = columns | join(', ') %}
    {{ return(
        '(select ' ~ columns ~ ' from ' ~ relation ~ ' version as of ' ~ published
        ~ ' left anti join ' ~ relation ~ ' using (' ~ columns ~ '))'
    ) }}
{% endmacro %}


{#-
    Where to look for rows whose foreign key is missing, as triples of the rows, a condition and keys:
    the rows in question without a parent, and all rows of a parent that is lost.
-#}
{% macro searches(foreign_key, model, rows, lost, in_question) %}
    {% set parent = foreign_key.to %}
    {% if in_question != 'true' and 'message_id' in foreign_key.columns %}
        {#- The rows of a message are all in one batch. -#}
        {% set parent = '(select * from ' ~ parent ~ ' where ' ~ in_question ~ ')' %}
    {% endif %}
    {% set found = [(rows, 'not exists', parent)] %}
    {% if in_question != 'true' and lost %}
        {% do found.append((model, 'exists', lost)) %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}
