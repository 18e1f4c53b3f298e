"""Definitions found by autoload, one folder per part of the pipeline. Logic belongs in the libraries that they call."""
