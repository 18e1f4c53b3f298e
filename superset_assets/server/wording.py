"""Russian texts of Superset's own that its translation lacks, or says in a way that readers of dashboards misread.

English readers get Superset's own texts: its pages do not load a language pack for English.
"""

from __future__ import annotations

import json
from typing import Final

from flask import Flask, Response, request

# By Superset's English text.
RUSSIAN: Final = {
    "No results were returned for this query": "За выбранный период и с этими фильтрами записей нет",
    "There is currently no information to display.": "Это не ошибка; другой период или меньше фильтров покажут больше",
    "Totals": "Итого",
    "Add/edit filters": "Добавить или изменить фильтры",
}


_PACK: Final = "/superset/language_pack/ru/"


def complete_the_russian_pack(app: Flask) -> None:
    """Put the texts into the language pack that pages ask for."""
    app.after_request(_completed)


def _completed(response: Response) -> Response:
    if request.path != _PACK or response.status_code != 200:
        return response
    # Superset sends its file as it lies on the disk.
    response.direct_passthrough = False
    pack = json.loads(response.get_data())
    pack["locale_data"]["superset"].update({english: [russian] for english, russian in RUSSIAN.items()})
    response.set_data(json.dumps(pack, ensure_ascii=False))
    for name in ("ETag", "Last-Modified", "Content-Disposition"):
        response.headers.pop(name, None)
    return response
