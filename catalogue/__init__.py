"""The report catalogue: what the marts offer to readers, as the dbt models declare it in their `meta`; and to whom.

Titles, labels, definitions, formats, units, rates, filters and roles of every mart are read from dbt's manifest into
one `Catalogue`, checked as a whole. The API, Superset's assets and the report builder take them from here and from
nowhere else. Who may see which rows is `access`. Numbers do not belong here, nor how a reader draws them.
"""
