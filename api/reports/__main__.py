"""Prints the five standard reports: `python -m api.reports [--tenant ID] [--language en|ru]`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import cast

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from rich.console import Console

from api.reports.console import print_reports
from api.reports.coverage import read_not_mapped
from api.reports.forecast import read_forecast
from api.reports.language import Language, load_language
from api.reports.standard import read_reports
from api.reports.tenants import Tenant, read_tenants
from catalogue.texts import LanguageCode
from deploy.connections import ConnectionFailed, connect_clickhouse
from deploy.settings import SettingsError, load_clickhouse_settings

TABLE_OR_DATABASE_UNKNOWN = ("UNKNOWN_TABLE", "UNKNOWN_DATABASE")
NARROWEST_READABLE = 130


def main() -> int:
    """Print the reports of one tenant or of all; return the exit code."""
    arguments = _parse_arguments()
    language = load_language(cast(LanguageCode, arguments.language))
    try:
        client = connect_clickhouse(load_clickhouse_settings())
        return _print_tenants(client, arguments.tenant, language)
    except (SettingsError, ConnectionFailed) as error:
        return fail(str(error))
    except DatabaseError as error:
        if any(name in str(error) for name in TABLE_OR_DATABASE_UNKNOWN):
            return fail(language.word("not_built"))
        raise


def _print_tenants(client: Client, wanted: str | None, language: Language) -> int:
    tenants = read_tenants(client)
    chosen: list[Tenant] = [tenant for tenant in tenants if wanted in (None, tenant.id)]
    if wanted is not None and not chosen:
        known = ", ".join(tenant.id for tenant in tenants)
        return fail(language.word("unknown_tenant", tenant=wanted, tenants=known))
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=max(console.width, NARROWEST_READABLE))
    not_mapped = read_not_mapped(client)
    for tenant in chosen:
        tables = [*read_reports(client, tenant, language, not_mapped), *read_forecast(client, tenant, language)]
        print_reports(console, tenant, tables, language)
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m api.reports", description="Print the five standard reports.")
    parser.add_argument("--tenant", help="id of one tenant; all of them without it")
    parser.add_argument("--language", choices=("en", "ru"), default=reader_language())
    return parser.parse_args()


def reader_language() -> LanguageCode:
    """Return the language of the reader's locale, English where it is neither."""
    return "ru" if os.environ.get("LC_ALL", os.environ.get("LANG", "")).startswith("ru") else "en"


def fail(message: str) -> int:
    """Print the one line that says what is wrong, and return the exit code."""
    print(f"error: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
