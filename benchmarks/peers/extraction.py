"""Ours: `load_table` and `reconcile_table` on the demo CRM's mapping, as Dagster's assets call them."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import Any

from benchmarks.peers.protocol import attend, setting
from deploy.connections import connect_clickhouse, connect_postgres
from deploy.settings import load_settings
from orchestration.extraction.load import load_table
from orchestration.extraction.mapping import load_mapping
from orchestration.extraction.reconciliation import reconcile_table
from orchestration.extraction.replica import Warehouse


def main() -> None:
    """Do one thing whenever asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.extraction", description=__doc__)
    parser.add_argument("action", choices=("full", "incremental", "reconcile"))
    action = parser.parse_args().action
    settings = load_settings()
    mapping = load_mapping(settings.crm_mapping)
    crm = connect_postgres(settings.postgres)
    warehouse = Warehouse(
        connect_clickhouse(settings.clickhouse), crm=setting("CRM_DATABASE"), ops=setting("OPS_DATABASE")
    )

    if action == "full":
        # What a whole table needs is imported with the first one; imports are not measured.
        importlib.import_module("orchestration.extraction.copy_push")

    def load() -> dict[str, Any]:
        result = load_table(
            crm,
            warehouse,
            mapping,
            "deals",
            run_id="benchmark",
            full=action == "full",
            transport=settings.extraction_transport,
        )
        return {"rows": result.rows, "rows_changed": result.rows_changed, "mode": result.mode}

    def reconcile() -> dict[str, Any]:
        result = reconcile_table(crm, warehouse, mapping, "deals", run_id="benchmark")
        return {"clean": result is not None and result.clean, "said": result.describe() if result else "nothing to do"}

    actions: dict[str, Callable[[], dict[str, Any]]] = {"full": load, "incremental": load, "reconcile": reconcile}
    attend(actions[action])


if __name__ == "__main__":
    main()
