"""The tables of database `ml`: columns, keys, and the view through which each is read. Writing belongs in `store`.

Rows lie in `<table>_rows` and belong to a run of one task for one tenant and day. They count only once that run stands
in `model_runs` as succeeded: one insert of one row publishes all tables of a task, so a reader never sees half of them.
The view `<table>` shows the rows of the newest run that succeeded for each task, tenant and day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clickhouse_connect.driver.binding import quote_identifier

from orchestration.extraction.replica import Warehouse

DATABASE = "ml"
MONEY = "Decimal(18, 2)"
_OF_RUN = (("task", "LowCardinality(String)"), ("run_id", "String"))
_KEY = (("tenant_id", "String"), ("as_of", "Date32"))
_SERIES = (*_KEY, ("dimension", "LowCardinality(String)"), ("member", "String"))

_NUMBER = "Nullable(Float64)"
_MEASURE = (
    *_KEY,
    ("metric", "LowCardinality(String)"),
    ("dimension", "LowCardinality(String)"),
    ("member", "String"),
    ("name", "String"),
    ("grain", "LowCardinality(String)"),
)
_MODEL = (*_KEY, ("subject", "LowCardinality(String)"), ("model_id", "String"))
_WORDS = tuple((name, "String") for name in ("reasons", "reasons_ru", "reasons_en", "action", "action_ru", "action_en"))
SCORE_TASKS = ("churn_scores", "lead_scores", "deal_scores")

RUN_COLUMNS: tuple[tuple[str, str], ...] = (
    ("run_id", "String"),
    ("task", "LowCardinality(String)"),
    *_KEY,
    ("status", "LowCardinality(String)"),
    ("error", "String"),
    ("rows_written", "UInt64"),
    ("data_hash", "String"),
    ("versions", "Map(String, String)"),
    ("parameters", "String"),
    ("metrics", "Map(String, Float64)"),
    ("seconds", "Float64"),
    ("cpu_seconds", "Float64"),
    ("started_at", "DateTime64(6, 'UTC')"),
    ("finished_at", "DateTime64(6, 'UTC')"),
    ("dagster_run_id", "String"),
)
"""Of `model_runs`: one row per task, tenant, day and attempt; `error` is empty where `status` is `succeeded`."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of results.

    Attributes:
        name: as readers know it.
        tasks: whose runs fill it.
        columns: name and ClickHouse type, beginning with tenant and day.
        key: what it is ordered by after tenant and day.
    """

    name: str
    tasks: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]

    @property
    def stored(self) -> str:
        """Return the quoted name of the table that holds the rows of all runs."""
        return qualified(f"{self.name}_rows")

    @property
    def tasks_text(self) -> str:
        """Return the tasks as a list of SQL."""
        return "(" + ", ".join(f"'{task}'" for task in self.tasks) + ")"


TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        Table(
            "sales_forecast",
            ("sales_forecast",),
            (
                *_SERIES,
                ("month", "Date32"),
                ("horizon", "UInt8"),
                ("model", "LowCardinality(String)"),
                ("confidence", "Float64"),
                ("point", MONEY),
                ("lower", MONEY),
                ("upper", MONEY),
                ("point_unreconciled", MONEY),
                ("is_published", "Bool"),
                ("reason", "LowCardinality(String)"),
                ("low_history", "Bool"),
                ("is_intermittent", "Bool"),
                ("history_months", "UInt16"),
            ),
            ("dimension", "member", "model", "month", "confidence"),
        ),
        Table(
            "forecast_backtest",
            ("sales_forecast",),
            (
                *_SERIES,
                ("model", "LowCardinality(String)"),
                ("origin", "Date32"),
                ("month", "Date32"),
                ("horizon", "UInt8"),
                ("actual", MONEY),
                ("point", MONEY),
                ("absolute_error", MONEY),
                ("scaled_error", "Nullable(Float64)"),
            ),
            ("dimension", "member", "model", "origin", "month"),
        ),
        Table(
            "forecast_models",
            ("sales_forecast",),
            (
                *_SERIES,
                ("model", "LowCardinality(String)"),
                ("weight", "Nullable(Float64)"),
                ("mase", "Nullable(Float64)"),
                ("naive_mase", "Nullable(Float64)"),
                ("is_published", "Bool"),
                ("reason", "LowCardinality(String)"),
                ("cpu_seconds", "Nullable(Float64)"),
                ("failure", "String"),
                ("working_days_used", "Bool"),
                ("naive_share", "Float64"),
                ("widening", "Float64"),
            ),
            ("dimension", "member", "model"),
        ),
        Table(
            "quarter_forecast",
            ("quarter_forecast",),
            (
                *_KEY,
                ("quarter_start", "Date32"),
                ("quarter_end", "Date32"),
                ("method", "LowCardinality(String)"),
                ("confidence", "Float64"),
                ("point", MONEY),
                ("lower", MONEY),
                ("upper", MONEY),
                ("booked", MONEY),
                ("open_deals", "UInt32"),
                ("expected_open", MONEY),
                ("expected_new", MONEY),
                ("weight", "Float64"),
                ("backtest_error", f"Nullable({MONEY})"),
                ("backtest_quarters", "UInt8"),
                ("is_published", "Bool"),
                ("reason", "LowCardinality(String)"),
            ),
            ("method", "confidence"),
        ),
        Table(
            "quarter_backtest",
            ("quarter_forecast",),
            (
                *_KEY,
                ("origin", "Date32"),
                ("quarter_start", "Date32"),
                ("method", "LowCardinality(String)"),
                ("point", MONEY),
                ("sd", "Float64"),
                ("actual", MONEY),
                ("absolute_error", MONEY),
            ),
            ("origin", "method"),
        ),
        Table(
            "quarter_deals",
            ("quarter_forecast",),
            (
                *_KEY,
                ("deal_id", "String"),
                ("pipeline_id", "String"),
                ("stage_id", "String"),
                ("owner_id", "String"),
                ("days_in_stage", "Float64"),
                ("amount", MONEY),
                ("win_probability", "Float64"),
                ("expected_amount", MONEY),
                ("landmarks", "UInt32"),
            ),
            ("deal_id",),
        ),
        Table(
            "anomaly_points",
            ("anomalies",),
            (
                *_MEASURE,
                ("period_start", "Date32"),
                ("value", _NUMBER),
                ("denominator", _NUMBER),
                ("expected", _NUMBER),
                ("lower", _NUMBER),
                ("upper", _NUMBER),
                ("score", _NUMBER),
                ("threshold", _NUMBER),
                ("is_anomaly", "Bool"),
                ("direction", "LowCardinality(String)"),
                ("severity", "LowCardinality(String)"),
                ("effect", _NUMBER),
                ("effect_money", f"Nullable({MONEY})"),
                ("day_kind", "LowCardinality(String)"),
                ("status", "LowCardinality(String)"),
                ("event_id", "String"),
            ),
            ("metric", "dimension", "member", "grain", "period_start"),
        ),
        Table(
            "anomaly_events",
            ("anomalies",),
            (
                *_MEASURE,
                ("event_id", "String"),
                ("direction", "LowCardinality(String)"),
                ("first_day", "Date32"),
                ("last_day", "Date32"),
                ("peak_day", "Date32"),
                ("periods", "UInt32"),
                ("value", _NUMBER),
                ("expected", _NUMBER),
                ("deviation", _NUMBER),
                ("effect", _NUMBER),
                ("effect_money", f"Nullable({MONEY})"),
                ("effect_share", _NUMBER),
                ("score", _NUMBER),
                ("severity", "LowCardinality(String)"),
                ("status", "LowCardinality(String)"),
                ("is_false_positive", "Bool"),
                ("is_alert", "Bool"),
                ("told_by", "String"),
                ("explanation_en", "String"),
                ("explanation_ru", "String"),
                ("explanation", "String"),
            ),
            ("event_id",),
        ),
        Table(
            "churn_scores",
            ("churn_scores",),
            (
                *_KEY,
                ("customer_kind", "LowCardinality(String)"),
                ("customer_id", "String"),
                ("horizon_days", "UInt16"),
                ("silent_until", "Date32"),
                ("probability", "Float64"),
                ("baseline_probability", "Float64"),
                ("method", "LowCardinality(String)"),
                ("risk_level", "LowCardinality(String)"),
                ("is_lapsed", "Bool"),
                ("silence_days", "UInt32"),
                ("usual_pause_days", "Float64"),
                ("allowed_silence_days", "UInt32"),
                ("last_purchase_on", "Date32"),
                ("purchases", "UInt32"),
                *_WORDS,
                ("value_per_year", MONEY),
                ("expected_value_at_risk", MONEY),
                ("is_cold_start", "Bool"),
                ("low_history", "Bool"),
                ("model_id", "String"),
            ),
            ("customer_kind", "customer_id"),
        ),
        *(
            Table(
                f"{subject}_scores",
                (f"{subject}_scores",),
                (
                    *_KEY,
                    (f"{subject}_id", "String"),
                    ("horizon_days", "UInt16"),
                    ("probability", "Float64"),
                    ("baseline_probability", "Float64"),
                    ("method", "LowCardinality(String)"),
                    ("priority", "LowCardinality(String)"),
                    ("age_days", "Float64"),
                    *_WORDS,
                    ("expected_value", MONEY),
                    ("is_cold_start", "Bool"),
                    ("low_history", "Bool"),
                    ("model_id", "String"),
                ),
                (f"{subject}_id",),
            )
            for subject in ("lead", "deal")
        ),
        Table(
            "model_quality",
            SCORE_TASKS,
            (
                *_MODEL,
                ("method", "LowCardinality(String)"),
                ("is_published", "Bool"),
                ("reason", "LowCardinality(String)"),
                ("judged_by", "LowCardinality(String)"),
                ("judged_on", "Nullable(String)"),
                ("n", "UInt32"),
                ("base_rate", _NUMBER),
                ("mean_probability", _NUMBER),
                ("auc", _NUMBER),
                ("brier", _NUMBER),
                ("ece", _NUMBER),
                ("lift", _NUMBER),
            ),
            ("subject", "method"),
        ),
        Table(
            "model_reliability",
            SCORE_TASKS,
            (
                *_MODEL,
                ("method", "LowCardinality(String)"),
                ("bin", "UInt8"),
                ("lower", "Float64"),
                ("upper", "Float64"),
                ("mean_probability", "Float64"),
                ("observed_rate", "Float64"),
                ("n", "UInt32"),
            ),
            ("subject", "method", "bin"),
        ),
        Table(
            "model_drift",
            SCORE_TASKS,
            (
                *_MODEL,
                ("feature", "String"),
                ("psi", _NUMBER),
                ("drift", "LowCardinality(String)"),
                ("is_used", "Bool"),
                ("reason", "LowCardinality(String)"),
            ),
            ("subject", "feature"),
        ),
        Table(
            "model_importance",
            SCORE_TASKS,
            (*_MODEL, ("feature", "String"), ("importance", "Float64"), ("share", "Float64")),
            ("subject", "feature"),
        ),
        Table(
            "model_checks",
            SCORE_TASKS,
            (
                *_MODEL,
                ("cutoff", "Nullable(String)"),
                ("is_out_of_sample", "Bool"),
                ("passed", "Bool"),
                ("n", "UInt32"),
                ("expected", _NUMBER),
                ("observed", _NUMBER),
                ("ece", _NUMBER),
                ("ece_by_chance", _NUMBER),
                ("tolerated", _NUMBER),
            ),
            ("subject",),
        ),
        Table(
            "trained_models",
            ("training",),
            (
                *_KEY,
                ("subject", "LowCardinality(String)"),
                ("model_id", "String"),
                ("address", "String"),
                ("sha256", "String"),
                ("published", "LowCardinality(String)"),
                ("reason", "LowCardinality(String)"),
            ),
            ("subject",),
        ),
    )
}


# What readers say of events; it is theirs and belongs to no run.
_FEEDBACK = """
create table if not exists ml.anomaly_feedback{on_cluster}
(
    tenant_id String,
    event_id String,
    is_false_positive Bool,
    marked_by String,
    note String,
    marked_at DateTime64(6, 'UTC')
)
engine = {engine}(marked_at)
order by (tenant_id, event_id)
"""


def qualified(name: str) -> str:
    """Return the quoted name of something in database `ml`."""
    return f"{quote_identifier(DATABASE)}.{quote_identifier(name)}"


def tables_of(task: str) -> tuple[Table, ...]:
    """Return the tables that a task fills."""
    return tuple(table for table in TABLES.values() if task in table.tasks)


def create_ml_tables(warehouse: Warehouse) -> None:
    """Create the database, its tables and the views that readers use; add columns that an earlier version lacked."""
    stored: dict[str, tuple[tuple[tuple[str, str], ...], tuple[str, ...]]] = {
        "model_runs": (RUN_COLUMNS, ("task", "finished_at"))
    }
    stored |= {f"{table.name}_rows": ((*table.columns, *_OF_RUN), table.key) for table in TABLES.values()}
    have = _existing_columns(warehouse)
    views_missing = not {*TABLES, "anomaly_feedback"} <= set(have)
    lacking = [name for name, (columns, _) in stored.items() if {name for name, _ in columns} - have.get(name, set())]
    if not lacking and not views_missing:
        return
    database = f"{quote_identifier(DATABASE)}{warehouse.on_cluster}"
    warehouse.run(f"create database if not exists {database} engine = Atomic")
    for name in lacking:
        columns, key = stored[name]
        warehouse.run(_create(warehouse, name, columns, key))
        for column, type_name in columns:
            warehouse.run(
                f"alter table {qualified(name)} add column if not exists {quote_identifier(column)} {type_name}"
            )
    for table in TABLES.values():
        warehouse.run(_view(warehouse, table))
    warehouse.run(_FEEDBACK.format(on_cluster=warehouse.on_cluster, engine=warehouse.engine("ReplacingMergeTree")))


def _existing_columns(warehouse: Warehouse) -> dict[str, set[str]]:
    rows = warehouse.rows("select table, groupArray(name) from system.columns where database = 'ml' group by table")
    return {str(table): set(columns) for table, columns in rows}


def _create(warehouse: Warehouse, name: str, columns: tuple[tuple[str, str], ...], key: tuple[str, ...]) -> str:
    body = ", ".join(f"{quote_identifier(column)} {type_name}" for column, type_name in columns)
    order = ", ".join(quote_identifier(column) for column in ("tenant_id", "as_of", *key))
    return (
        f"create table if not exists {qualified(name)}{warehouse.on_cluster} ({body}) engine = {warehouse.engine()} "
        f"partition by toYYYYMM(as_of) order by ({order})"
    )


def _view(warehouse: Warehouse, table: Table) -> str:
    columns = ", ".join(quote_identifier(column) for column, _ in table.columns)
    return (
        f"create or replace view {qualified(table.name)}{warehouse.on_cluster} as select {columns} from {table.stored} "
        "where (tenant_id, as_of, run_id) in (select tenant_id, as_of, argMax(run_id, finished_at) "
        f"from {qualified('model_runs')} where task in {table.tasks_text} and status = 'succeeded' "
        "group by task, tenant_id, as_of)"
    )
