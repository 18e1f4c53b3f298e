"""Dagster resources: what an asset needs from outside.

Settings are read when a run starts, not when the location loads. A code location must load in
the UI even where a setting is wrong; the run then fails with the line that names it.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime

from dagster import ConfigurableResource, Failure, resource

from deploy.dagster_home import local_home
from deploy.settings import Settings, SettingsError, load_settings
from orchestration.ml.parallel import Workers


class PipelineResource(ConfigurableResource[None]):
    """Gives assets the validated settings and the moment that "now" means to the run."""

    def settings(self) -> Settings:
        """Return the settings, or fail the step with the one line that names what is wrong."""
        try:
            return load_settings()
        except SettingsError as error:
            raise Failure(description=str(error), allow_retries=False) from None

    def run_moment(self, run_created_at: datetime) -> datetime:
        """Return the moment that "now" means to a run that was created at `run_created_at`."""
        return self.settings().run_moment(run_created_at)


@resource(description="Processes in which models are computed, started when first needed and kept for the run.")
def ml_workers() -> Iterator[Workers]:
    """Hold as many processes as `ML_PROCESSES` says."""
    with Workers(PipelineResource().settings().ml_processes) as workers:
        yield workers


def export_for_dbt(settings: Settings, as_of: datetime) -> None:
    """Put into this process's environment what dbt reads there: the warehouse's settings, and "now" (aware).

    dbt runs as a child process and knows neither `.env` nor `NAME_FILE`; the environment, unlike a command line, is not
    visible to other users of the machine. Its folder is among what the machine keeps: in the checkout, runs against two
    warehouses would take what was parsed from each other.
    """
    os.environ.update(
        settings.clickhouse.environment(),
        DBT_TARGET_PATH=str(local_home() / "dbt"),
        DBT_THREADS=str(settings.dbt_threads),
        TODAY_REFRESH_SECONDS=str(settings.today_refresh_seconds),
        **now_for_dbt(as_of),
    )


def now_for_dbt(as_of: datetime) -> dict[str, str]:
    """Return the variable by which dbt is told what "now" means (macro as_of).

    Not by `--vars`: where these are others than last time, dbt parses the whole project anew.
    """
    return {"DBT_AS_OF": as_of.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
