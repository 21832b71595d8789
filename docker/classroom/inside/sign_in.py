"""How people sign in: one of the hub's authenticators, told what a class wants, and less trusting than it was.

* Only people in the class's list get in, whoever the accounts are from; the rest read why, and what to do.
* A launch from a learning platform (LTI 1.3) counts once. The authenticator compares the token's nonce with a cookie,
  and whoever has both could come again: here a nonce is remembered until its token has expired, and a token that is
  older than this hub is not taken, since what an earlier hub saw is forgotten.
* The cookies of such a launch are sent across sites, where the platform's page posts to us: browsers do that for
  ``SameSite=None; Secure`` only.
* What a launch tells of the platform's gradebook is kept, for ``./manyhands classroom grades``.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any, Final

from ltiauthenticator.lti13.auth import LTI13Authenticator
from ltiauthenticator.lti13.handlers import LTI13CallbackHandler, LTI13LoginInitHandler
from oauthenticator.generic import GenericOAuthenticator
from oauthenticator.oauth2 import OAuthCallbackHandler
from tornado.httpclient import HTTPClientError
from tornado.web import HTTPError, RequestHandler
from traitlets import TraitError

TOLD: Final = Path(os.environ.get("HUB_TOLD", "/run/classroom/hub"))
LAUNCHES: Final = Path(os.environ.get("HUB_LAUNCHES", "/srv/hub/launches"))
OURS: Final = frozenset({"token_url", "token_audience"})
"""Options that the hub does not need: where grades go back to, which the classroom's host does."""
_LTI: Final = "https://purl.imsglobal.org/spec/lti/claim/"
_GRADES: Final = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
_STARTED: Final = time.time()
_CLOCKS_DIFFER_SECONDS: Final = 5


def configure(c: Any, sign_in: dict[str, Any]) -> None:
    """Choose and set up the authenticator that ``classroom.toml`` names.

    Raises:
        TraitError: an option is none of that authenticator's.
    """
    c.Authenticator.admin_users = set()
    c.Authenticator.allow_existing_users = True
    kind, options = sign_in["kind"], sign_in["options"]
    if kind == "native":
        _native(c)
    elif kind == "dummy":
        c.JupyterHub.authenticator_class = "dummy"
        c.DummyAuthenticator.allow_all = True
    elif kind == "oidc":
        c.JupyterHub.authenticator_class = Accounts
        _set(c, Accounts, options)
    elif kind == "lti13":
        c.JupyterHub.authenticator_class = Platform
        _set(c, Platform, {name: value for name, value in options.items() if name not in OURS})


def _native(c: Any) -> None:
    import nativeauthenticator

    c.JupyterHub.authenticator_class = "nativeauthenticator.NativeAuthenticator"
    c.NativeAuthenticator.enable_signup = False
    c.NativeAuthenticator.minimum_password_length = 12
    c.NativeAuthenticator.allowed_failed_logins = 10
    c.NativeAuthenticator.seconds_before_next_try = 60
    theirs = str(Path(nativeauthenticator.__file__).parent / "templates")
    c.JupyterHub.template_paths = [*c.JupyterHub.get("template_paths", []), theirs]


def _set(c: Any, kind: Any, options: dict[str, Any]) -> None:
    for name, value in options.items():
        if name not in kind.class_trait_names(config=True):
            raise TraitError(f"[sign_in.options] of classroom.toml: {name} is no option of {kind.__mro__[2].__name__}")
        setattr(c[kind.__name__], name, value)


class _OnlyTheClass:
    """Says who is refused, and why: they signed in rightly, with an account that this class does not know."""

    async def check_allowed(self, username: str, auth_model: Any) -> bool:
        allowed = super().check_allowed(username, auth_model)  # type: ignore[misc]  # of whom it is mixed into
        if not isinstance(allowed, bool):
            allowed = await allowed
        if not allowed:
            raise HTTPError(
                403,
                f"You signed in as {username}, and nobody of that name is in this class. If it is your account, ask"
                " your instructor to put exactly this name into the list of the class. If it is not, sign out there"
                " first.",
            )
        return True


_THEIRS: Final = (
    "The server of your accounts {what}. That is not your fault: please tell your instructor. For the instructor: see"
    " {see} under [sign_in.options] in classroom.toml."
)


def _why(error: HTTPClientError) -> str:
    """The word that RFC 6749 (5.2) has for a refusal, if the answer gives one; else the status."""
    try:
        return str(json.loads(error.response.body)["error"])[:100]
    except (AttributeError, TypeError, ValueError, KeyError):
        return f"HTTP {error.code}"


class _Kindly:
    """Turns what went wrong while somebody came back from their accounts into a sentence with a next step."""

    _NEXT = "Begin again"

    async def answer(self, coming: Any) -> None:
        try:
            await coming
        except HTTPError as error:
            if error.status_code in (400, 401) and error.log_message:
                said = error.log_message.rstrip(".")
                raise HTTPError(error.status_code, f"This sign-in does not hold: {said}. {self._NEXT}.") from None
            raise
        except HTTPClientError as error:
            why = _why(error)
            if why == "invalid_grant":  # it says so of a code
                said = "its code was used already, or ran out"
                raise HTTPError(400, f"This sign-in does not hold: {said}. {self._NEXT}.") from None
            what = f"refused this classroom ({why})"
            raise HTTPError(502, _THEIRS.format(what=what, see="client_id, client_secret and basic_auth")) from None
        except OSError as error:
            what = f"does not answer ({error.strerror or error})"
            raise HTTPError(502, _THEIRS.format(what=what, see="the addresses")) from None


# ---------------------------------------------------------------------------------------------- OpenID Connect


class AccountsCallback(_Kindly, OAuthCallbackHandler):
    _NEXT = "Begin again from the first page of the classroom, in one tab"

    async def get(self) -> None:
        await self.answer(super().get())


class Accounts(_OnlyTheClass, GenericOAuthenticator):
    """Accounts of a company or university. ``state`` and PKCE tie an answer to the browser that asked for it."""

    callback_handler = AccountsCallback

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """The name under ``username_claim``. Raises HTTPError 502 where an account has none."""
        try:
            return str(super().user_info_to_username(user_info))
        except ValueError:
            has = ", ".join(sorted(user_info))
            what = f"did not say your {self.username_claim} (but {has})"
            raise HTTPError(502, _THEIRS.format(what=what, see="username_claim and scope")) from None


# ---------------------------------------------------------------------------------------------------- LTI 1.3


class PlatformLogin(LTI13LoginInitHandler):
    def _set_cookie(self, key: str, value: Any, encrypted: bool = True, **overrides: Any) -> None:
        super()._set_cookie(key, value, encrypted, **{"samesite": "None", "secure": True, **overrides})


class PlatformCallback(_Kindly, LTI13CallbackHandler):
    _NEXT = "Go back to your course, and open the link there again"

    async def post(self) -> None:
        await self.answer(super().post())

    def decode_and_validate_launch_request(self) -> dict[str, Any]:
        token: dict[str, Any] = super().decode_and_validate_launch_request()
        self.authenticator.once(token)
        return token

    async def login_user(self, data: Any = None) -> Any:
        user = await super().login_user(data)
        if user is not None:
            remember(user.name, data)
        return user


class PlatformKeys(RequestHandler):
    """The public half of the key that signs what we ask of the platform."""

    def get(self) -> None:
        try:
            keys = (TOLD / "jwks.json").read_bytes()
        except FileNotFoundError:
            raise HTTPError(404) from None
        self.set_header("Content-Type", "application/json")
        self.write(keys)


class Platform(_OnlyTheClass, LTI13Authenticator):
    """A learning platform that launches us: Canvas, Moodle."""

    login_handler = PlatformLogin
    callback_handler = PlatformCallback

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._seen: dict[str, float] = {}

    def get_handlers(self, app: Any) -> list[Any]:
        return [*super().get_handlers(app), ("/lti13/keys", PlatformKeys)]

    def once(self, token: dict[str, Any]) -> None:
        """Let a token through the first time. Raises HTTPError 400 for one that was here, or may have been."""
        now = time.time()
        self._seen = {nonce: until for nonce, until in self._seen.items() if until > now}
        if token["nonce"] in self._seen:
            raise HTTPError(400, "it was used already")
        if token["iat"] < _STARTED - _CLOCKS_DIFFER_SECONDS:
            raise HTTPError(400, "it is older than this classroom's last start")
        self._seen[token["nonce"]] = float(token["exp"]) + _CLOCKS_DIFFER_SECONDS


def remember(name: str, token: dict[str, Any]) -> None:
    """Keep what a launch said of the platform's gradebook: a file for each person and course, the newest launch's."""
    grades = token.get(_GRADES) or {}
    course = token.get(_LTI + "context") or {}
    aud = token["aud"]
    launch = {
        "name": name,
        "user": token.get("sub", ""),
        "client_id": token.get("azp") or (aud if isinstance(aud, str) else aud[0]),
        "course": {"id": course.get("id", ""), "title": course.get("title") or course.get("label") or ""},
        "items": grades.get("lineitems", ""),
        "scopes": grades.get("scope", []),
        "at": int(time.time()),
    }
    LAUNCHES.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = LAUNCHES / f"{hashlib.sha256(json.dumps([name, launch['course']['id']]).encode()).hexdigest()[:40]}.json"
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(launch))
    partial.replace(file)
