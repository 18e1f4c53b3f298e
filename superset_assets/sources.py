"""The YAML files of `charts`, `dashboards`, `databases` and `translations`: their keys, and how they are read.

A chart names a mart of the catalogue, figures and dimensions; what Superset wants to know of it is made elsewhere.
Texts stand in English; `translations/<language>.yaml` holds every one of them in that language.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from catalogue.texts import LanguageCode
from superset_assets.problems import AssetsError, Problem

ASSETS: Final = Path(__file__).resolve().parent
COLUMNS_OF_GRID: Final = 12

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
# `text_{language}` is a column per language: text_en or text_ru.
Dimension = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\{language\})?$")]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
BandName = Annotated[str, StringConstraints(pattern=r"^[0-9]+ %$")]
Scalar = str | int | float | bool
ChartType = Literal["kpi", "number", "columns", "bars", "line", "columns_and_line", "pie", "funnel", "table"]
FilterName = Literal["period", "department", "manager", "pipeline", "source"]

_Source = TypeVar("_Source", bound=BaseModel)


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ChartSource(_Declared):
    """A chart.

    Attributes:
        title: as readers see it.
        note: what a reader should know of it, beside the definitions of its figures.
        mart: of the catalogue.
        type: of the drawing.
        figures: measures, rates and aggregates of the mart; of a chart of columns and a line, those of the columns.
            Only a table may do without.
        line: of a chart of columns and a line, the figures of the line.
        bands: pairs of figures between which a line is expected to lie, by what readers call them in any language
            (`95 %`), the wide one first.
        x: dimension along the axis.
        by: dimensions of the rows of a table, of the parts of a pie, of the series of a line.
        where: the only values of dimensions that take part.
        stacked: whether columns stand on each other.
        sort: of a table or a funnel, the figure that rows are ordered by, the largest first, or a dimension, the
            smallest first.
        limit: rows at most.
        totals: whether a table ends with the figures of all rows.
        good: of a KPI, whether more is good or bad, or says nothing.
        refresh: seconds for which an answer may be shown again; None: until the next nightly run.
    """

    title: Words
    note: Words | None = None
    mart: Slug
    type: ChartType
    figures: tuple[Slug, ...] = ()
    line: tuple[Slug, ...] = ()
    bands: dict[BandName, tuple[Slug, Slug]] = Field(default_factory=dict)
    x: Dimension | None = None
    by: tuple[Dimension, ...] = ()
    where: dict[Slug, Scalar | tuple[Scalar, ...]] = Field(default_factory=dict)
    stacked: bool = False
    sort: Slug | None = None
    limit: int = Field(default=1000, ge=1, le=10_000)
    totals: bool = False
    good: Literal["more", "less", "neither"] = "neither"
    refresh: int | None = Field(default=None, ge=5)

    def in_language(self, language: LanguageCode) -> ChartSource:
        """Return the chart with the columns of one language."""
        by = tuple(name.replace("{language}", language) for name in self.by)
        return self.model_copy(update={"by": by, "x": self.x.replace("{language}", language) if self.x else None})

    @property
    def all_figures(self) -> tuple[str, ...]:
        """Return what its query asks for: figures, line, bands."""
        return (*self.figures, *self.line, *(name for edges in self.bands.values() for name in edges))

    @model_validator(mode="after")
    def _has_what_its_type_needs(self) -> ChartSource:
        needs = _NEEDS[self.type]
        for key in ("figures", "x", "by", "line", "bands"):
            given = bool(getattr(self, key))
            if given and key not in needs.may:
                raise ValueError(f"a chart of type {self.type} has no {key}")
            if not given and key in needs.must:
                raise ValueError(f"a chart of type {self.type} needs {key}")
        if needs.one_figure and len(self.figures) > 1:
            raise ValueError(f"a chart of type {self.type} shows one figure")
        if not self.figures and self.sort is None:
            raise ValueError("a table without figures needs sort")
        return self


@dataclass(frozen=True, slots=True)
class _Needs:
    must: frozenset[str]
    may: frozenset[str]
    one_figure: bool = False


def _needs(*must: str, may: tuple[str, ...] = (), one_figure: bool = False) -> _Needs:
    return _Needs(frozenset(must), frozenset((*must, *may)), one_figure)


_NEEDS: Final[Mapping[str, _Needs]] = {
    "kpi": _needs("figures", one_figure=True),
    "number": _needs("figures", one_figure=True),
    "columns": _needs("figures", "x", may=("by",)),
    "bars": _needs("figures", "x", one_figure=True),
    "line": _needs("figures", "x", may=("by", "bands")),
    "columns_and_line": _needs("figures", "x", "line", may=("bands",)),
    "pie": _needs("figures", "by", one_figure=True),
    "funnel": _needs("figures", "by", one_figure=True),
    "table": _needs("by", may=("figures",)),
}


class CellSource(_Declared):
    """What stands in a row of a dashboard: a chart or a text, so many of the twelve columns wide."""

    chart: Slug | None = None
    text: Words | None = None
    width: int = Field(ge=1, le=COLUMNS_OF_GRID)

    @model_validator(mode="after")
    def _is_one_thing(self) -> CellSource:
        if (self.chart is None) == (self.text is None):
            raise ValueError("a cell holds either a chart or a text")
        return self


class RowSource(_Declared):
    """A row of a dashboard: a heading, or cells of one height."""

    heading: Words | None = None
    height: int = Field(default=50, ge=8, le=200)
    cells: tuple[CellSource, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> RowSource:
        if bool(self.cells) == bool(self.heading):
            raise ValueError("a row holds either a heading or cells")
        width = sum(cell.width for cell in self.cells)
        if width > COLUMNS_OF_GRID:
            raise ValueError(f"cells of {width} columns do not fit into {COLUMNS_OF_GRID}")
        return self


class DashboardSource(_Declared):
    """A dashboard.

    Attributes:
        title: as readers see it.
        description: what it is for.
        period: the range of days that it opens with, in Superset's words; None: it has no period to choose.
        filters: what readers filter by.
        pipeline_needed: charts that need one pipeline, since stages of several cannot be drawn together.
        refresh: seconds after which an open page asks anew; 0: never.
        rows: from top to bottom.
    """

    title: Words
    description: Words
    order: int
    period: Words | None = None
    filters: tuple[FilterName, ...] = ()
    pipeline_needed: tuple[Slug, ...] = ()
    refresh: int = Field(default=0, ge=0)
    rows: tuple[RowSource, ...] = Field(min_length=1)

    @property
    def charts(self) -> tuple[str, ...]:
        """Return the slugs of its charts, in order."""
        return tuple(cell.chart for row in self.rows for cell in row.cells if cell.chart)


class DatabaseSource(_Declared):
    """The database that datasets lie in; neither host nor password, which the server fills in at each connection."""

    name: Words
    uri: Annotated[str, StringConstraints(pattern=r"^clickhousedb://[a-z]+/[a-z]+$")]
    sql_lab: Literal["en", "ru"]


@dataclass(frozen=True, slots=True)
class Sources:
    """All files, read.

    Attributes:
        charts: by slug, which is the file's name.
        dashboards: by slug.
        database: the warehouse.
        translations: text by English text, by language.
    """

    charts: Mapping[str, ChartSource]
    dashboards: Mapping[str, DashboardSource]
    database: DatabaseSource
    translations: Mapping[str, Mapping[str, str]]


def read_sources(folder: Path = ASSETS) -> Sources:
    """Read every file.

    Raises:
        AssetsError: files are no YAML, or say what they may not; all such problems, by file and field.
    """
    problems: list[Problem] = []
    charts = dict(_read_folder(ChartSource, folder / "charts", problems))
    dashboards = dict(_read_folder(DashboardSource, folder / "dashboards", problems))
    databases = dict(_read_folder(DatabaseSource, folder / "databases", problems))
    translations = {
        path.stem: {str(key): str(value) for key, value in _load(path, problems).items()}
        for path in sorted((folder / "translations").glob("*.yaml"))
    }
    if not problems and len(databases) != 1:
        problems.append(Problem("databases", "", f"{len(databases)} files", "declare the one warehouse"))
    if problems:
        raise AssetsError(problems)
    return Sources(charts, dashboards, next(iter(databases.values())), translations)


def _read_folder(kind: type[_Source], folder: Path, problems: list[Problem]) -> Iterator[tuple[str, _Source]]:
    for path in sorted(folder.glob("*.yaml")):
        loaded = _load(path, problems)
        try:
            yield path.stem, kind.model_validate(loaded)
        except ValidationError as error:
            if loaded:
                problems.extend(_problem(path, kind, found) for found in error.errors())


def _load(path: Path, problems: list[Problem]) -> Mapping[str, Any]:
    name = f"{path.parent.name}/{path.name}"
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        problems.append(Problem(name, "", f"is no YAML: {' '.join(str(error).split())}", "mend it there"))
        return {}
    if not isinstance(loaded, dict):
        problems.append(Problem(name, "", "holds no keys", "write it as its neighbours are"))
        return {}
    return loaded


def _problem(path: Path, kind: type[BaseModel], found: Any) -> Problem:
    field = ".".join(map(str, found["loc"]))
    file = f"{path.parent.name}/{path.name}"
    if found["type"] == "missing":
        return Problem(file, field, "is missing", "declare it")
    if found["type"] == "extra_forbidden":
        return Problem(file, field, "is no key", f"correct or remove it; keys here: {', '.join(kind.model_fields)}")
    if found["type"] == "value_error":
        return Problem(file, field, str(found["ctx"]["error"]), "correct it")
    return Problem(file, field, f"{found['input']!r}: {found['msg'].lower()}", "correct it")
