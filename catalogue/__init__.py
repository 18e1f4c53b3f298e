"""What the warehouse offers to readers, and to whom, as this repository declares it.

The report catalogue: titles, labels, definitions, formats, units, rates, filters and roles of every mart, declared in
the `meta` of the dbt models, read from dbt's manifest into one `Catalogue` and checked as a whole (`loading`). Access:
who may see which rows (`access`). The API, Superset's assets and the report builder take them from here and nowhere
else. Numbers do not belong here, nor how a reader draws them.
"""
