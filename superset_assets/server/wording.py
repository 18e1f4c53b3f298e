"""Russian texts of Superset's own that its translation lacks, or says in a way that readers of dashboards misread.

English readers get Superset's own texts: its pages do not load a language pack for English.
"""

from __future__ import annotations

from typing import Final

# By Superset's English text.
RUSSIAN: Final = {
    "No results were returned for this query": "За выбранный период и с этими фильтрами записей нет",
    "Totals": "Итого",
    "Add/edit filters": "Добавить или изменить фильтры",
}


def complete_the_russian_pack() -> None:
    """Put the texts into the language pack that this process serves."""
    from superset.translations.utils import get_language_pack

    pack = get_language_pack("ru")
    if pack:
        pack["locale_data"]["superset"].update({english: [russian] for english, russian in RUSSIAN.items()})
