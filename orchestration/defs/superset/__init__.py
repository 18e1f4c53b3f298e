"""What readers see in Superset: an asset per dashboard, below the marts that it shows."""
