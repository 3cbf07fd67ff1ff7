{#- What stands in a JSON column at a path such as 'stats.member_count', as text, as a number, as a count.

    Airbyte writes objects as one JSON column. DuckDB's form is tested; the others follow their warehouse's manual. -#}

{% macro json_text(column, path) %}{{ return(adapter.dispatch("json_text", "mailchimp")(column, path)) }}{% endmacro %}

{% macro default__json_text(column, path) %}json_extract_string({{ column }}, '$.{{ path }}'){% endmacro %}

{% macro postgres__json_text(column, path) %}{{ column }} #>> '{{ "{" ~ path.replace(".", ",") ~ "}" }}'{% endmacro %}

{% macro snowflake__json_text(column, path) %}{{ column }}:{{ path }}::varchar{% endmacro %}

{% macro bigquery__json_text(column, path) %}json_value({{ column }}, '$.{{ path }}'){% endmacro %}

{% macro json_number(column, path) %}cast({{ mailchimp.json_text(column, path) }} as {{ dbt.type_float() }}){% endmacro %}

{% macro json_count(column, path) %}cast({{ mailchimp.json_text(column, path) }} as {{ dbt.type_bigint() }}){% endmacro %}

{#- A rate, null where there is nothing to divide by. -#}
{% macro rate(part, whole) %}cast({{ part }} as {{ dbt.type_float() }}) / nullif({{ whole }}, 0){% endmacro %}
