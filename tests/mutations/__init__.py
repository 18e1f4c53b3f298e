"""Broken variants of the metric rules, each of which the unit tests beside the SQL have to notice (`make mutate`)."""
