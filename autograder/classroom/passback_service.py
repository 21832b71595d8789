"""A learning platform's gradebook over HTTP: LTI's Assignment and Grade Services 2.0 (imsglobal.org/spec/lti-ags).

We say who we are with a token that we signed, and get one that opens the gradebook for an hour. Requests that a busy
platform turns away are made again, later; they can be: a score carries the time it was made, and counts once.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

import httpx

from autograder.classroom.sign_in import signed
from autograder.errors import ManyHandsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_SCOPES: Final = "https://purl.imsglobal.org/spec/lti-ags/scope/"
SCORE: Final = _SCOPES + "score"
ITEM: Final = _SCOPES + "lineitem"
_ITEM_TYPE: Final = "application/vnd.ims.lis.v2.lineitem+json"
_ITEMS_TYPE: Final = "application/vnd.ims.lis.v2.lineitemcontainer+json"
_SCORE_TYPE: Final = "application/vnd.ims.lis.v1.score+json"
_GRANT: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_GOOD_FOR_SECONDS: Final = 300
_PAUSES_SECONDS: Final = (1.0, 2.0, 4.0, 8.0)
_LONGEST_PAUSE_SECONDS: Final = 60.0
_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOST_PAGES: Final = 100


@dataclass(frozen=True)
class Item:
    """A column of the platform's gradebook."""

    url: str
    """Its address, which is its name there."""
    label: str


@dataclass
class Service:
    """One client of one platform. ``audience`` is for whom its tokens are, by default their own address.

    ``pause`` waits so many seconds before a request is made again. Not for threads.
    """

    http: httpx.Client
    token_url: str
    client_id: str
    key: RSAPrivateKey
    audience: str = ""
    pause: Callable[[float], None] = time.sleep
    _token: str = field(default="", repr=False)

    def item(self, items: str, lab: str, title: str, most: float) -> Item:
        """The column of ``lab`` in the course whose columns are at ``items``; made if there is none.

        Raises:
            ManyHandsError: the platform refused, or did not answer.
        """
        mine = f"many-hands:{lab}"
        page, pages = items, 0
        while page and pages < _MOST_PAGES:
            answer = self._ask("GET", page, items, {"Accept": _ITEMS_TYPE})
            for one in _list(answer, page):
                if one.get("resourceId") == mine:
                    return Item(str(one["id"]), str(one.get("label", "")))
            page, pages = answer.links.get("next", {}).get("url", ""), pages + 1
        made = {"scoreMaximum": most, "label": title, "resourceId": mine, "tag": "grade"}
        answer = self._ask("POST", items, items, {"Content-Type": _ITEM_TYPE}, made)
        return Item(str(_table(answer, items)["id"]), title)

    def score(self, items: str, item: Item, user: str, score: float, most: float, *, waiting: bool) -> str:
        """Write a score into the column; the time it carries. ``waiting``: something is still to be graded by hand.

        Raises:
            ManyHandsError: the platform refused, or did not answer.
        """
        parts = urlsplit(item.url)
        url = urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/scores"))
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        said = {
            "userId": user,
            "scoreGiven": score,
            "scoreMaximum": most,
            "activityProgress": "Completed",
            "gradingProgress": "PendingManual" if waiting else "FullyGraded",
            "timestamp": at,
        }
        self._ask("POST", url, items, {"Content-Type": _SCORE_TYPE}, said)
        return at

    def _ask(self, method: str, url: str, home: str, headers: dict[str, str], body: Any = None) -> httpx.Response:
        """One request, with a token, which goes nowhere but to where the launch said the gradebook is."""
        only_safe(url, home)
        answer = self._send(method, url, {**headers, "Authorization": f"Bearer {self._token or self._fetch()}"}, body)
        if answer.status_code == 401:  # the token has run out
            answer = self._send(method, url, {**headers, "Authorization": f"Bearer {self._fetch()}"}, body)
        if not answer.is_success:
            raise _refused(answer)
        return answer

    def _fetch(self) -> str:
        """A new token."""
        only_safe(self.token_url, self.token_url)
        now = int(time.time())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.audience or self.token_url,
            "iat": now,
            "exp": now + _GOOD_FOR_SECONDS,
            "jti": uuid.uuid4().hex,
        }
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": _GRANT,
            "client_assertion": signed(self.key, claims),
            "scope": f"{ITEM} {SCORE}",
        }
        answer = self._send("POST", self.token_url, {}, form=form)
        if not answer.is_success:
            raise _refused(
                answer, "the platform does not know us", "register the keys that /hub/lti13/keys shows there"
            )
        self._token = str(_table(answer, self.token_url).get("access_token", ""))
        return self._token

    def _send(
        self, method: str, url: str, headers: dict[str, str], body: Any = None, form: dict[str, str] | None = None
    ) -> httpx.Response:
        """Made again while the platform is busy or away. Its last answer, or an error."""
        for pause in (*_PAUSES_SECONDS, None):
            try:
                sent: Any = {"data": form} if form else {} if body is None else {"json": body}
                answer = self.http.request(method, url, headers=headers, **sent)
            except httpx.TransportError as error:
                if pause is None:
                    raise ManyHandsError(
                        "the platform does not answer", where=_place(url), why=str(error), remedy="try again later"
                    ) from error
            else:
                if answer.status_code not in _LATER or pause is None:
                    return answer
                pause = _asked_for(answer, pause)
            self.pause(pause)
        raise AssertionError("the last pause is None")


def only_safe(url: str, home: str) -> None:
    """Refuse an address that is not encrypted, or not of the platform that ``home`` is of; loopback may be plain.

    Raises:
        ManyHandsError: it is either.
    """
    parts, ours = urlsplit(url), urlsplit(home)
    plain_is_fine = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and plain_is_fine):
        raise ManyHandsError("grades are sent over https only", where=_place(url))
    if (parts.scheme, parts.netloc) != (ours.scheme, ours.netloc):
        raise ManyHandsError(
            "the platform's gradebook names an address of another machine", where=_place(url), why=f"it is at {home}"
        )


def _asked_for(answer: httpx.Response, pause: float) -> float:
    told = answer.headers.get("Retry-After", "")
    return min(_LONGEST_PAUSE_SECONDS, float(told)) if told.isdigit() else pause


def _refused(answer: httpx.Response, what: str = "the platform refused", remedy: str = "") -> ManyHandsError:
    why = f"{answer.status_code}: {' '.join(answer.text.split())[:200]}"
    return ManyHandsError(what, where=_place(str(answer.url)), why=why, remedy=remedy)


def _place(url: str) -> str:
    """An address without its query, which may hold secrets."""
    return urlunsplit(urlsplit(url)._replace(query="", fragment=""))


def _list(answer: httpx.Response, url: str) -> list[dict[str, Any]]:
    found = _json(answer, url)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _table(answer: httpx.Response, url: str) -> dict[str, Any]:
    found = _json(answer, url)
    if not isinstance(found, dict):
        raise ManyHandsError("the platform's answer is not what AGS says", where=_place(url))
    return found


def _json(answer: httpx.Response, url: str) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise ManyHandsError("the platform's answer is no JSON", where=_place(url), why=str(error)) from error
