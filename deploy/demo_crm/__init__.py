"""The demo CRM: three believable companies in the tables of schema.sql, and the days that pass in them.

Nothing outside this package needs more than the names below.
"""

from deploy.demo_crm.day import DayPlayed, play_day
from deploy.demo_crm.edge_cases import count_edge_cases
from deploy.demo_crm.fill import DEFAULT_DEALS, DEFAULT_SEED, Filled, fill
from deploy.demo_crm.late import LateCommit, begin_late_commit
from deploy.demo_crm.storage import DemoError, Generation, read_as_of, read_generation

__all__ = [
    "DEFAULT_DEALS",
    "DEFAULT_SEED",
    "DayPlayed",
    "DemoError",
    "Filled",
    "Generation",
    "LateCommit",
    "begin_late_commit",
    "count_edge_cases",
    "fill",
    "play_day",
    "read_as_of",
    "read_generation",
]
