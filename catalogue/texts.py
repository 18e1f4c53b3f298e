"""The languages of the readers, and a text in each of them."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, StringConstraints

LanguageCode = Literal["en", "ru"]
LANGUAGES: Final[tuple[LanguageCode, ...]] = get_args(LanguageCode)

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Text(BaseModel):
    """A text that a reader sees, in every language of the product."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    en: Words
    ru: Words

    def said_in(self, language: LanguageCode) -> str:
        """Return the text in one language."""
        return self.ru if language == "ru" else self.en
