"""Accounts from elsewhere, as the classroom's host sees them: the key that we sign with, and the hub's way to them.

The private key stays in the classroom's folder on the host, which only its owner may read: the host asks the learning
platform, no container does. The hub gets the public half, and shows it to the platform at ``/hub/lti13/keys``.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from autograder.classroom.host import LABEL, docker
from autograder.durable import write_durably

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from autograder.classroom.host import Host
    from autograder.classroom.state import State

ELSEWHERE: Final = ("oidc", "lti13")
"""Kinds of sign-in for which the hub has to reach other machines."""
_BITS: Final = 2048


def own_key(state: State) -> RSAPrivateKey:
    """The key of this classroom; made the first time, with its public half for the hub to show.

    Raises:
        OSError: the classroom's folder cannot be written.
        ValueError: the file holds no RSA key.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    file = state.folder / "platform" / "key.pem"
    if not file.exists():
        file.parent.mkdir(mode=0o700, exist_ok=True)
        made = rsa.generate_private_key(65537, _BITS)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        write_durably(file, made.private_bytes(*form), 0o600)
    key = serialization.load_pem_private_key(file.read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"{file} holds no RSA key")
    _show(state.folder / "hub" / "jwks.json", {"keys": [public_half(key)]})
    return key


def public_half(key: RSAPrivateKey) -> dict[str, str]:
    """The public key as a JWK (RFC 7517); its name is its thumbprint (RFC 7638)."""
    numbers = key.public_key().public_numbers()
    parts = {"e": _word(_octets(numbers.e)), "kty": "RSA", "n": _word(_octets(numbers.n))}
    thumb = hashlib.sha256(json.dumps(parts, separators=(",", ":"), sort_keys=True).encode()).digest()
    return {**parts, "kid": _word(thumb), "alg": "RS256", "use": "sig"}


def signed(key: RSAPrivateKey, claims: dict[str, Any]) -> str:
    """The claims as a JWT, signed with RS256 (RFC 7515)."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    head = {"alg": "RS256", "typ": "JWT", "kid": public_half(key)["kid"]}
    said = ".".join(_word(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims))
    return f"{said}.{_word(key.sign(said.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def open_way(host: Host) -> None:
    """Let the hub, and nobody else, reach other machines: it asks there who somebody is.

    Rooms stay shut in: the hub's containers pass nothing on. Raises :class:`ManyHandsError` if Docker refuses.
    """
    network, proxy = _network(host), f"{host.name}-proxy"
    if network not in docker("network", "ls", "--format", "{{.Name}}").split():
        docker("network", "create", "--label", f"{LABEL}={host.name}", network)
    if network not in _networks_of(proxy):
        docker("network", "connect", network, proxy)


def close_way(host: Host) -> None:
    """Take that back, where accounts are our own again."""
    network, proxy = _network(host), f"{host.name}-proxy"
    if network in docker("network", "ls", "--format", "{{.Name}}").split():
        if network in _networks_of(proxy):
            docker("network", "disconnect", network, proxy)
        docker("network", "rm", network)


def _network(host: Host) -> str:
    return f"{host.name}_accounts"


def _networks_of(container: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", container))
    return told


def _show(file: Path, keys: dict[str, Any]) -> None:
    file.parent.mkdir(exist_ok=True)
    write_durably(file, json.dumps(keys, indent=1).encode(), 0o644)


def _octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _word(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
