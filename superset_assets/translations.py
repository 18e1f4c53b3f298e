"""Texts of assets in the reader's language. Texts of the catalogue are translated where the models declare them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from catalogue.texts import LANGUAGES, LanguageCode
from superset_assets.problems import Problem
from superset_assets.sources import Sources

SOURCE_LANGUAGE: Final[LanguageCode] = "en"

# Words that generated assets need and no file of an asset holds.
GENERATED: Final = (
    "Period",
    "Department",
    "Manager",
    "Pipeline",
    "Pipeline of the funnel",
    "Source group",
    "Before",
    "Change",
    "What the figures mean",
)


@dataclass(frozen=True, slots=True)
class Translator:
    """Says the texts of assets in one language."""

    language: LanguageCode
    texts: Mapping[str, str]

    def __call__(self, text: str) -> str:
        """Return the text in the language."""
        return text if self.language == SOURCE_LANGUAGE else self.texts[text]


def translator(sources: Sources, language: LanguageCode) -> Translator:
    """Return what says the texts of assets in that language."""
    return Translator(language, sources.translations.get(language, {}))


def find_translation_problems(sources: Sources) -> Iterator[Problem]:
    """Yield each text without a translation, and each translation of a text that no asset holds."""
    texts = dict(_texts(sources))
    for language in LANGUAGES:
        if language == SOURCE_LANGUAGE:
            continue
        file = f"translations/{language}.yaml"
        translated = sources.translations.get(language, {})
        for text, place in texts.items():
            if not translated.get(text, "").strip():
                yield Problem(file, repr(text), f"is missing; {place} says it", "translate it")
        for text in translated.keys() - texts.keys():
            yield Problem(file, repr(text), "no asset says it", "remove it, or correct its spelling")


def _texts(sources: Sources) -> Iterator[tuple[str, str]]:
    """Yield every text that an asset says, with where it stands."""
    yield sources.database.name, "databases"
    yield from ((text, "every dashboard") for text in GENERATED)
    for name, chart in sources.charts.items():
        yield from ((text, f"charts/{name}.yaml") for text in (chart.title, chart.note) if text)
    for name, board in sources.dashboards.items():
        said = [board.title, board.description, *(row.heading for row in board.rows)]
        said += [cell.text for row in board.rows for cell in row.cells]
        yield from ((text, f"dashboards/{name}.yaml") for text in said if text)
