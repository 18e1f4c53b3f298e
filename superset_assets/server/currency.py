"""The currency that a reader's money is in, and its sign as each language writes it.

Amounts of marts are in their tenant's currency, and a reader who came from the CRM sees one tenant. So the sign is the
reader's and not the row's: charts say where one stands (`$` of d3's formats), the page says which. Who sees several
tenants at once, the operator, and a guest, of whom the page learns only later, are shown no sign.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

from catalogue.texts import LanguageCode
from deploy.settings import SupersetSettings, load_superset_settings
from superset_assets.server.identity import current_identity

# A code that has no sign here is written itself.
SIGNS: Final[Mapping[str, str]] = {
    "BYN": "Br",
    "CNY": "¥",
    "EUR": "€",
    "GBP": "£",
    "KZT": "₸",
    "RUB": "₽",
    "USD": "$",
}
_NO_BREAK: Final = "\u00a0"
_TIMEOUT_SECONDS: Final = 5
_CURRENCY: Final = "select currency from analytics.dim_tenants where tenant_id = %(tenant)s"

_log = logging.getLogger(__name__)


def affixes(currency: str, language: LanguageCode) -> list[str]:
    """Return what stands before and after an amount: `₽1,234` in English, `1 234 ₽` in Russian."""
    sign = SIGNS.get(currency, currency)
    if not sign:
        return ["", ""]
    if language == "ru":
        return ["", f"{_NO_BREAK}{sign}"]
    return [sign if len(sign) == 1 else f"{sign}{_NO_BREAK}", ""]


def currency_of_the_reader() -> str:
    """Return the code of the currency of the current reader's tenant; empty where there is none, or several."""
    identity = current_identity()
    if identity is None:
        return ""
    try:
        return _ask(load_superset_settings(), identity.tenant)
    except ClickHouseError as error:
        # A page without a sign is better than none.
        _log.warning("the warehouse does not tell the currency of %s: %s", identity.tenant, error)
        return ""


def _ask(settings: SupersetSettings, tenant: str) -> str:
    client = clickhouse_connect.get_client(
        host=settings.warehouse_host,
        port=settings.warehouse_port,
        username=settings.reader,
        password=settings.reader_password.get_secret_value(),
        secure=settings.warehouse_secure,
        connect_timeout=_TIMEOUT_SECONDS,
        send_receive_timeout=_TIMEOUT_SECONDS,
        autogenerate_session_id=False,
    )
    try:
        rows = client.query(_CURRENCY, parameters={"tenant": tenant}).result_rows
    finally:
        client.close()
    return str(rows[0][0] or "") if rows else ""
