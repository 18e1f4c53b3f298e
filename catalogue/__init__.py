"""What the warehouse offers to readers, and to whom: the report catalogue and access, as this repository declares."""
