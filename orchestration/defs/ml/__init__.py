"""What `ml_assets` says of the marts, in database `ml`: assets, their checks, when they run."""
