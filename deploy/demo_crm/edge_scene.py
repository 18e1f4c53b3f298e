"""A tenant as the edge cases see it: who and what there is, and short ways to write one more row.

Which cases there are belongs in `edge_cases`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from deploy.demo_crm.directory import Ids, Record
from deploy.demo_crm.storage import Connection

Moves = Sequence[tuple[str, datetime]]


def read_scenes(connection: Connection, ids: Ids, as_of: datetime) -> list[Scene]:
    """Return a scene for each tenant, read from what is in the database already."""
    tenants = connection.execute("select id, timezone, currency from tenants order by created_at, id").fetchall()
    return [Scene(connection, ids, as_of, *tenant) for tenant in tenants]


class Scene:
    """One tenant; every method that makes a row appends it to `records` and returns its id.

    Attributes:
        tenant: the tenant's id.
        managers: ids of its active managers.
        paid_pipeline: position of the pipeline with two won stages, 0 if there is none.
        records: the rows made so far, by table.
    """

    def __init__(
        self, connection: Connection, ids: Ids, as_of: datetime, tenant: str, zone: str, currency: str
    ) -> None:
        """Read the tenant's users, pipelines and first companies."""
        self.tenant = tenant
        self.records: defaultdict[str, list[Record]] = defaultdict(list)
        self._ids = ids
        self._as_of = as_of
        self._zone = ZoneInfo(zone)
        self._currency = currency
        find = connection.execute
        self.managers = [
            id_
            for (id_,) in find(
                "select id from users where tenant_id = %s and role = 'manager' and is_active order by id", [tenant]
            )
        ]
        self._department = find("select max(department_id) from users where id = any(%s)", [self.managers]).fetchall()[
            0
        ][0]
        self._pipelines = [
            id_ for (id_,) in find("select id from pipelines where tenant_id = %s order by position", [tenant])
        ]
        self._stages: list[dict[str, str]] = [
            dict(
                connection.execute(
                    "select id, outcome from stages where pipeline_id = %s order by position", [id_]
                ).fetchall()
            )
            for id_ in self._pipelines
        ]
        self.paid_pipeline = next((i for i, stages in enumerate(self._stages) if "paid" in stages), 0)
        self._companies = [
            id_ for (id_,) in find("select id from companies where tenant_id = %s order by id limit 40", [tenant])
        ]
        self._source = find("select min(id) from lead_sources where tenant_id = %s", [tenant]).fetchall()[0][0]
        self._made = 0

    def ago(self, days: float) -> datetime:
        """Return a moment in the working time `days` days before as-of (negative: after it)."""
        day = (self._as_of.astimezone(self._zone) - timedelta(days=days)).date()
        self._made += 1
        local = datetime(
            day.year, day.month, day.day, 10 + self._made % 8, self._made * 7 % 60, 30, self._made, self._zone
        )
        return local.astimezone(UTC)

    def month_end(self, months_back: int, *, minutes: int) -> datetime:
        """Return the local midnight that ended the month `months_back` months ago, moved by some minutes."""
        today = self._as_of.astimezone(self._zone).date()
        month = today.year * 12 + today.month - 1 - (months_back - 1)
        midnight = datetime(month // 12, month % 12 + 1, 1, tzinfo=self._zone).astimezone(UTC)
        return min(midnight + timedelta(minutes=minutes, seconds=12), self._as_of - timedelta(minutes=1))

    def last_sunday(self) -> datetime:
        """Return noon of the latest Sunday that lies two days or more before as-of."""
        day = self._as_of.astimezone(self._zone).date() - timedelta(days=2)
        day -= timedelta(days=(day.weekday() + 1) % 7)
        return datetime(day.year, day.month, day.day, 12, 5, tzinfo=self._zone).astimezone(UTC)

    def daylight_saving_changes(self) -> list[datetime]:
        """Return moments just before and after each change of the clock within the last two years."""
        moments: list[datetime] = []
        day = self._as_of.astimezone(self._zone).date() - timedelta(days=730)
        while day < self._as_of.date() - timedelta(days=1):
            following = day + timedelta(days=1)
            if self._midnight(following) - self._midnight(day) != timedelta(days=1):
                moments += [self._midnight(day) + timedelta(minutes=minutes) for minutes in (95, 119, 121, 175)]
            day = following
        return moments

    def last_open_stage(self) -> str:
        """Return the last open stage of the first pipeline."""
        return [stage for stage, outcome in self._stages[0].items() if outcome == "open"][-1]

    def won_deal(self, at: datetime, **columns: Any) -> int:
        """Make a deal with a full history that was won at `at`."""
        history = (("new", at - timedelta(days=16)), ("proposal", at - timedelta(days=9)), ("won", at))
        return self.deal(history=history, **columns)

    def deal(
        self,
        *,
        history: Moves,
        stage: str | None = None,
        pipeline: int = 0,
        history_pipelines: Sequence[int] | None = None,
        first_from: str | None = None,
        owner_change: tuple[int, datetime] | None = None,
        **columns: Any,
    ) -> int:
        """Make a deal and its history.

        Args:
            history: stages and the moments they were entered, oldest first.
            stage: where the deal stands; by default where the history ends.
            pipeline: position of its pipeline.
            history_pipelines: positions of the pipelines of the history rows, where they differ.
            first_from: `from_stage_id` of the first history row.
            owner_change: the owner since a moment; `owner_user_id` is the one before.
            columns: anything else of the deals table.
        """
        id_ = self._ids.one("deals")
        moments = [moment for _, moment in history] or [columns["created_at"]]
        owner = columns.pop("owner_user_id", self.managers[id_ % len(self.managers)])
        moments += [columns[name] for name in ("closed_at", "deleted_at") if columns.get(name)]
        moments += [owner_change[1]] if owner_change else []
        self._append(
            "deals",
            id_,
            {
                "title": f"Edge case {id_}",
                "pipeline_id": self._pipelines[pipeline],
                "stage_id": stage or history[-1][0],
                "owner_user_id": owner_change[0] if owner_change else owner,
                "company_id": self._companies[id_ % len(self._companies)],
                "amount": self._amount(id_),
                "currency": self._currency,
                "created_at": history[0][1] if history else None,
                "updated_at": self._past(max(moments)),
                **columns,
            },
        )
        self._history(id_, history, history_pipelines or [pipeline] * len(history), first_from, owner)
        if owner_change:
            change = {"deal_id": id_, "from_owner_user_id": owner, "owner_user_id": owner_change[0]}
            moment = owner_change[1]
            self._append(
                "deal_owner_history",
                self._ids.one("deal_owner_history"),
                {**change, "changed_at": moment, "updated_at": moment},
            )
        return id_

    def lead(self, created_at: datetime, **columns: Any) -> int:
        """Make a lead."""
        id_ = self._ids.one("leads")
        latest = columns.get("deleted_at") or columns.get("converted_at") or created_at
        defaults: Record = {
            "title": f"Edge case {id_}",
            "source_id": self._source,
            "status": "working",
            "owner_user_id": self.managers[id_ % len(self.managers)],
            "created_at": created_at,
            "updated_at": latest,
        }
        return self._append("leads", id_, {**defaults, **columns})

    def activity(self, kind: str, status: str, at: datetime, **columns: Any) -> int:
        """Make an activity that was planned a little before `at` and, when done, was done then."""
        id_ = self._ids.one("activities")
        defaults: Record = {
            "kind": kind,
            "status": status,
            "subject": f"Edge case {id_}",
            "assignee_user_id": self.managers[id_ % len(self.managers)],
            "due_at": at,
            "completed_at": at if status == "done" else None,
            "created_at": at - timedelta(hours=5),
            "updated_at": self._past(columns.get("deleted_at") or at),
        }
        return self._append("activities", id_, {**defaults, **columns})

    def message(self, body: str, sent_at: datetime) -> int:
        """Make an incoming chat message."""
        values = {"channel": "chat", "direction": "in", "body": body, "sent_at": sent_at, "updated_at": sent_at}
        return self._append("messages", self._ids.one("messages"), values)

    def company(self, name: str) -> int:
        """Make a company."""
        return self._append("companies", self._ids.one("companies"), {"name": name, **self._stamps(self.ago(200))})

    def user(self, role: str, **columns: Any) -> int:
        """Make a user, in a live department unless told otherwise."""
        id_ = self._ids.one("users")
        stamps = self._stamps(self.ago(210))
        latest = columns.get("deleted_at") or columns.get("deactivated_at") or stamps["updated_at"]
        name = f"{'Edge' if self.tenant == 'hudson' else 'Крайний'} {id_}"
        defaults: Record = {"full_name": name, "role": role, "department_id": self._department, "is_active": True}
        return self._append("users", id_, {**defaults, **stamps, "updated_at": latest, **columns})

    def department(self, **columns: Any) -> int:
        """Make a department."""
        id_ = self._ids.one("departments")
        stamps = {**self._stamps(self.ago(220)), "updated_at": columns.get("deleted_at") or self.ago(220)}
        return self._append("departments", id_, {"name": f"Edge {id_}", **stamps, **columns})

    def deleted_source(self) -> int:
        """Make a lead source that was soft-deleted later."""
        deleted_at = self.ago(41)
        stamps = {"created_at": self.ago(230), "updated_at": deleted_at, "deleted_at": deleted_at}
        values = {"name": "Fax", "source_type": "offline", **stamps}
        return self._append("lead_sources", self._ids.one("lead_sources"), values)

    def deleted_stage(self, stage: str, *, outcome: str) -> None:
        """Make a soft-deleted stage in the first pipeline."""
        deleted_at = self.ago(55)
        self.records["stages"].append(
            {
                "id": stage,
                "pipeline_id": self._pipelines[0],
                "tenant_id": self.tenant,
                "name": "Archive" if self.tenant == "hudson" else "Архив",
                "position": 35,
                "outcome": outcome,
                "probability": None,
                "created_at": self.ago(240),
                "updated_at": deleted_at,
                "deleted_at": deleted_at,
            }
        )

    def deleted_pipeline(self) -> int:
        """Make a soft-deleted pipeline with three stages and return its position."""
        id_ = self._ids.one("pipelines")
        deleted_at = self.ago(100)
        stamps = {"created_at": self.ago(250), "updated_at": deleted_at, "deleted_at": deleted_at}
        self._append("pipelines", id_, {"name": "Пробная воронка", "position": 9, **stamps})
        for position, (stage, outcome) in enumerate((("new", "open"), ("won", "won"), ("lost", "lost")), start=1):
            values = {"name": stage, "position": position * 10, "outcome": outcome, **self._stamps(self.ago(250))}
            self.records["stages"].append({"id": stage, "pipeline_id": id_, "tenant_id": self.tenant, **values})
        self._pipelines.append(id_)
        return len(self._pipelines) - 1

    def _history(
        self, deal: int, history: Moves, pipelines: Sequence[int], first_from: str | None, user: int | None
    ) -> None:
        before = first_from
        for (stage, moment), pipeline in zip(history, pipelines, strict=True):
            values = {
                "deal_id": deal,
                "pipeline_id": self._pipelines[pipeline],
                "from_stage_id": before,
                "stage_id": stage,
                "user_id": user,
                "changed_at": moment,
                "updated_at": moment,
            }
            self._append("deal_stage_history", self._ids.one("deal_stage_history"), values)
            before = stage

    def _append(self, table: str, id_: int, values: Record) -> int:
        self.records[table].append({"id": id_, "tenant_id": self.tenant, **values})
        return id_

    def _amount(self, number: int) -> int:
        scale = {"RUB": 20_000, "KZT": 90_000}.get(self._currency, 500)
        return scale * (1 + number % 9)

    def _past(self, moment: datetime) -> datetime:
        return min(moment, self._as_of - timedelta(minutes=1))

    @staticmethod
    def _stamps(moment: datetime) -> Record:
        return {"created_at": moment, "updated_at": moment}

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self._zone).astimezone(UTC)
