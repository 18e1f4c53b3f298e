"""`python -m orchestration doctor`: reads settings, connects to the CRM only, and prints the result."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime, timedelta

import psycopg
from pydantic import AwareDatetime, TypeAdapter, ValidationError
from rich.console import Console

from deploy.connections import ConnectionFailed, connect_postgres
from deploy.settings import SettingsError, load_postgres_settings, read_environment
from orchestration.doctor.console import print_diagnosis
from orchestration.doctor.diagnosis import Diagnosis
from orchestration.doctor.document import to_document
from orchestration.doctor.examination import examine
from orchestration.extraction.errors import ExtractionError, first_line
from orchestration.extraction.mapping import load_mapping

COULD_NOT_RUN = 2
_WIDEST = 140
_NARROWEST = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "--mapping",
        metavar="FILE",
        help="a mapping file, or the name of a shipped one (default: CRM_MAPPING)",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: %(default)s")
    parser.add_argument("--language", choices=("en", "ru"), default="en", help="default: %(default)s")
    parser.add_argument(
        "--timeout", type=_positive, default=600, metavar="SECONDS", help="of each statement (default: %(default)s)"
    )


def run(options: argparse.Namespace) -> int:
    """Examine the CRM of the settings; return 0 when all is well, 1 for errors found, 2 when it could not be done."""
    try:
        diagnosis = _examine(options)
    except (SettingsError, ConnectionFailed, ExtractionError) as error:
        print(f"error: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    except psycopg.Error as error:
        print(f"error: the CRM's PostgreSQL: {first_line(error)}", file=sys.stderr)
        return COULD_NOT_RUN
    if options.format == "json":
        print(json.dumps(to_document(diagnosis, options.language), ensure_ascii=False, indent=2))
    else:
        console = Console(highlight=False)
        # A pipe has no width; what is read in a file should not be cut to 80 columns.
        console.width = _WIDEST if not console.is_terminal else max(_NARROWEST, min(console.width, _WIDEST))
        print_diagnosis(console, diagnosis, options.language)
    return diagnosis.exit_code


def _examine(options: argparse.Namespace) -> Diagnosis:
    environment = read_environment()
    as_of = _as_of(environment.get("AS_OF"))
    mapping = load_mapping(options.mapping or environment.get("CRM_MAPPING", "demo"))
    with connect_postgres(load_postgres_settings()) as connection:
        return examine(
            connection,
            mapping,
            as_of=as_of,
            timeout=timedelta(seconds=options.timeout),
            progress=lambda line: print(f"  {line}", file=sys.stderr, flush=True),
        )


def _as_of(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        return TypeAdapter(AwareDatetime).validate_python(text)
    except ValidationError as error:
        raise SettingsError(f"AS_OF: {error.errors()[0]['msg']} (see .env.example)") from None


def _positive(text: str) -> int:
    seconds = int(text)
    if seconds <= 0:
        raise ValueError(text)
    return seconds
