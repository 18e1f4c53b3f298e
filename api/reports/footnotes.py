"""Lines under a report that say which of its figures to take with care, from the mart `report_quality`.

Which issues exist, their texts and the shares from which they are told belong in dbt (seed `quality_issues`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from clickhouse_connect.driver.client import Client

from api.reports.language import Language


@dataclass(frozen=True, slots=True)
class Issue:
    """One kind of issue of a report over all months that the report shows.

    Attributes:
        text: what it does to the figures, in the reader's language.
        affected: records with the issue.
        total: records that could have it, more than 0.
        threshold_low: share from which it is told.
        threshold_high: share from which it is told as a caution.
    """

    text: str
    affected: int
    total: int
    threshold_low: float
    threshold_high: float

    @property
    def share(self) -> float:
        """Return the share of the affected records, from sums."""
        return self.affected / self.total


def read_issues(
    client: Client, tenant_id: str, report: str, since: date, until: date, language: Language
) -> list[Issue]:
    """Return the issues of a report from the month of `since` to that of `until`, the month (none) included."""
    text = "text_ru" if language.code == "ru" else "text_en"
    rows = client.query(
        f"""
        select
            any({text}), sum(records_affected), sum(records_total) as total, any(threshold_low), any(threshold_high)
        from analytics.report_quality
        where
            tenant_id = {{tenant:String}}
            and report = {{report:String}}
            and (month is null or month between {{since:Date32}} and {{until:Date32}})
        group by issue
        having total > 0
        order by issue
        """,
        parameters={"tenant": tenant_id, "report": report, "since": since.replace(day=1), "until": until},
    ).result_rows
    return [Issue(*row) for row in rows]


def footnotes(issues: Iterable[Issue], language: Language) -> tuple[str, ...]:
    """Return a line per issue whose share passes its lower threshold, the largest share first."""
    return tuple(_lines(sorted(issues, key=lambda issue: -issue.share), language))


def _lines(issues: Sequence[Issue], language: Language) -> Iterator[str]:
    for issue in issues:
        if issue.affected and issue.share >= issue.threshold_low:
            word = "caution" if issue.share >= issue.threshold_high else "notice"
            yield language.word(
                "footnote",
                word=language.word(word),
                text=issue.text,
                affected=language.count(issue.affected),
                total=language.count(issue.total),
                share=language.percent(issue.share),
            )
