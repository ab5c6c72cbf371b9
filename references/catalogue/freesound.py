"""Freesound (https://freesound.org/docs/api/), or what speaks its API version 2, as a source: the sounds of a search.

What is fetched is the preview of high quality: all of the sound, as Ogg Vorbis, which needs the API's key alone (the
originals need a user's consent), and more than a fingerprint asks for. Each sound's licence, author and page are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from references.catalogue.entry import Found
from references.catalogue.freesound_http import Caller, NotThereError
from references.catalogue.source import Fetched, Page, SourceError

KEY_VARIABLE = "SOUNDGATE_FREESOUND_KEY"
API = "https://freesound.org/apiv2"
FIELDS = "id,name,username,license,duration,md5,url,previews"
PAGE_SIZE = 150  # the most that it gives
PREVIEWS = ("preview-hq-ogg", "preview-hq-mp3")
LICENCES = {
    "/publicdomain/zero/1.0": "CC0-1.0",
    "/licenses/by/3.0": "CC-BY-3.0",
    "/licenses/by/4.0": "CC-BY-4.0",
    "/licenses/by-nc/3.0": "CC-BY-NC-3.0",
    "/licenses/by-nc/4.0": "CC-BY-NC-4.0",
    "/licenses/sampling+/1.0": "CC-Sampling+-1.0",
}


class FreesoundSource:
    """The sounds that a search finds, oldest first, so that new ones come behind those that were listed.

    Parameters
    ----------
    query
        What to search for; ``tag:piano`` and the like are filters, as the API writes them, behind ``?``:
        ``piano?license:"Creative Commons 0"``.
    key
        The API's key.
    api
        Its address.
    caller
        Who asks; another one in tests.
    """

    def __init__(self, query: str, key: str, api: str | None = None, caller: Caller | None = None) -> None:
        self._words, _, self._filter = query.partition("?")
        self._api = (api or API).rstrip("/")
        self._query = query
        self._caller = caller or Caller(self._api, key)

    @property
    def name(self) -> str:
        """``freesound:`` and the search; another service's has its host."""
        host = "" if self._api == API else f"//{urlsplit(self._api).netloc}/"
        return f"freesound:{host}{self._query}"

    def pages(self, start: int) -> Iterator[Page]:
        """Ask for page after page, by number; a page of which every sound was on the one before is asked for again.

        Raises
        ------
        SourceError
            When a page is no page, or stays the same.
        """
        number, before = start, frozenset[str]()
        while True:
            answer = self._page(number)
            if answer is None:  # the sounds became fewer meanwhile
                return
            found = [parse_sound(one) for one in _list(answer, "results")]
            ids = frozenset(one.origin_id for one in found)
            if ids and ids <= before:
                raise SourceError(f"{self.name}: page {number} repeats the one before. A later sync goes on here")
            yield Page(number, found)
            if not answer.get("next"):
                return
            number, before = number + 1, ids

    def fetch(self, found: Found, folder: Path) -> Fetched:
        """Download a sound's preview."""
        path = folder / f"{found.origin_id}{Path(urlsplit(found.where).path).suffix.lower()}"
        self._caller.download(found.where, path)
        return Fetched(path, found.about, ours=True)

    def has(self, origin_id: str) -> bool:
        """Whether the sound is still there, found by the search or not."""
        try:
            self._caller.get_json(f"sounds/{origin_id}/", fields="id")
        except NotThereError:
            return False
        return True

    def _page(self, number: int) -> dict[str, Any] | None:
        query = {"query": self._words, "sort": "created_asc", "fields": FIELDS}
        query |= {"page": str(number), "page_size": str(PAGE_SIZE)} | ({"filter": self._filter} if self._filter else {})
        try:
            return self._caller.get_json("search/text/", **query)
        except NotThereError:
            if number == 1:
                raise
            return None


def parse_sound(value: Any) -> Found:
    """Read what the API says of a sound.

    Raises
    ------
    SourceError
        When something that is needed is missing; a sound without licence is none that we may keep.
    """
    try:
        number, licence = int(value["id"]), str(value["license"])
        previews: Mapping[str, str] = value["previews"]
        where = next(previews[name] for name in PREVIEWS if previews.get(name))
        duration_ms = round(float(value["duration"]) * 1000)
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise SourceError(f"the API describes a sound without {error}: {str(value)[:200]}") from error
    about = {
        "reference_id": f"freesound-{number}",
        "title": str(value.get("name") or ""),
        "artist": str(value.get("username") or ""),
        "licence": name_licence(licence),
        "source": str(value.get("url") or f"https://freesound.org/s/{number}/"),
    }
    version = " ".join([str(value.get("md5") or ""), *about.values()])
    return Found(str(number), version, about, duration_ms, where)


def name_licence(url: str) -> str:
    """Give a licence's SPDX identifier, or its address where it has none here."""
    return LICENCES.get(urlsplit(url).path.rstrip("/"), url)


def _list(answer: Mapping[str, Any], name: str) -> list[Any]:
    value = answer.get(name)
    if not isinstance(value, list):
        raise SourceError(f"the API's answer has no list {name!r}")
    return value
