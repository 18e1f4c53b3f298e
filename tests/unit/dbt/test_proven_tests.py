"""Which tests look at changed keys only is written down in a macro; this holds it to the models that it speaks of."""

from __future__ import annotations

import ast
import json
import re

from deploy.settings import REPOSITORY
from orchestration.dbt_manifest import load_dbt_project

MACRO = REPOSITORY / "dbt_project" / "macros" / "changed_keys" / "proven.sql"
# Not built by changed keys themselves, but every row of them belongs to one changed key.
ROWS_OF_A_KEY = {
    "stg_crm__deals": "deals",
    "stg_crm__leads": "leads",
    "stg_crm__activities": "activities",
    "stg_crm__deal_stage_history": "deals",
    "stg_crm__deal_owner_history": "deals",
    "fct_deal_stages": "deals",
}


def test_tests_are_limited_by_the_keys_that_their_model_is_built_by() -> None:
    written = re.search(r"set followed = ({.*?}) -%}", MACRO.read_text(encoding="utf-8"), re.DOTALL)
    assert written is not None
    limited = ast.literal_eval(written[1])
    nodes = json.loads(load_dbt_project().manifest_path.read_text(encoding="utf-8"))["nodes"].values()
    built = {
        node["name"]: node["config"]["meta"]["changed_by"]
        for node in nodes
        if node["resource_type"] == "model" and "changed_by" in node["config"].get("meta", {})
    }
    tested = {node["attached_node"].rpartition(".")[2] for node in nodes if node.get("attached_node")}
    expected = ROWS_OF_A_KEY | {name: entity for name, entity in built.items() if name in tested}
    assert limited == expected
