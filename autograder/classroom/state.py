"""What a classroom keeps on its host: secrets, a certificate, what the hub is told. Never in the clone, never shown.

The folder is its owner's only. What containers read lies in folders below it, which are mounted one by one: there any
user number may read, and on the host nobody gets as far.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from autograder.durable import write_durably
from autograder.errors import ManyHandsError

if TYPE_CHECKING:
    from autograder.classroom.settings import Settings

_SECRETS: Final = (
    *("PROXY_TOKEN", "HUB_PASSWORD", "GRADEBOOK_PASSWORD"),
    *("EXCHANGE_TOKEN", "METRICS_TOKEN", "ENROL_TOKEN"),
)


@dataclass(frozen=True)
class State:
    """The folder of one classroom."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The certificate that a client trusts who wants to check ours."""
        return self.folder / "tls" / "authority.pem"

    @property
    def site(self) -> Path:
        """The course pages, as the front serves them."""
        return self.folder / "site"

    def secrets(self) -> dict[str, str]:
        """Names for compose → secrets. Raises :class:`ManyHandsError` if there is no classroom here."""
        try:
            told: dict[str, str] = json.loads((self.folder / "secrets.json").read_bytes())
        except (OSError, ValueError) as error:
            raise ManyHandsError(
                "there is no classroom here yet",
                where=str(self.folder),
                remedy="./manyhands classroom up --users users.csv",
            ) from error
        return told


def state_of(home: Path, name: str) -> State:
    """Where the classroom of this name is kept."""
    return State(home / "classroom" / name)


def prepare(home: Path, settings: Settings) -> State:
    """Make what is missing, and write what the hub is told now. Secrets and certificates stay as they are."""
    state = state_of(home, settings.name)
    state.folder.mkdir(parents=True, exist_ok=True)
    state.folder.chmod(0o700)
    state.site.mkdir(exist_ok=True)
    state.site.chmod(0o755)
    kept = state.folder / "secrets.json"
    known = state.secrets() if kept.exists() else {}
    made = {name: known.get(name) or secrets.token_hex(32) for name in _SECRETS}
    if made != known:
        write_durably(kept, json.dumps(made, indent=1).encode(), 0o600)
    _write(state.folder / "hub" / "hub.json", json.dumps(settings.for_hub(), indent=1).encode())
    _write(state.folder / "prometheus" / "token", made["METRICS_TOKEN"].encode())
    if not (state.folder / "tls" / "key.pem").exists():
        _make_certificate(state, settings)
    return state


def _make_certificate(state: State, settings: Settings) -> None:
    """A certificate that browsers warn of once; put a real one and its key in its place."""
    import trustme

    host = settings.url.removeprefix("https://").partition("/")[0].partition(":")[0]
    authority = trustme.CA(organization_name="Many Hands classroom")
    ours = authority.issue_cert(*dict.fromkeys([host, "127.0.0.1", "localhost"]))
    _write(state.authority, authority.cert_pem.bytes())
    _write(state.folder / "tls" / "certificate.pem", b"".join(part.bytes() for part in ours.cert_chain_pems))
    _write(state.folder / "tls" / "key.pem", ours.private_key_pem.bytes())


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(exist_ok=True)
    file.parent.chmod(0o755)
    write_durably(file, data, 0o644)
