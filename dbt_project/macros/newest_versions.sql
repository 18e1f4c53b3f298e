{#-
  The live rows of a replica among some of its keys, from the view of all loaded versions.

  What `final` does for a whole table, at the cost of one look at the keys: the newest version of each row, unless it is a
  tombstone. Rows are looked for by a hash of 64 bits; one that has the hash of another comes along, so the reader has to
  ask each row itself for what the keys were chosen by.

  Args: `versions`, the view; `id`, of its rows; `among`, where the keys (tenant_id and `id`) are read.
-#}
{% macro newest_versions(versions, id, among) -%}
    select * from (
        select * from {{ versions }}
        where cityHash64(tenant_id, {{ id }}) in (select cityHash64(tenant_id, {{ id }}) from {{ among }})
        order by version desc
        limit 1 by tenant_id, {{ id }}
    )
    where not is_deleted
{%- endmacro %}
