"""The parts of `benchmarks.extraction`: the rows that are moved, the contenders that move them, and the measuring.

Each contender is a process of its own; those of other projects live in an environment of their own, .venv-benchmark,
so nothing that they import may import ours.
"""
