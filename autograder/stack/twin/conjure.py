"""Certificates, keys and the like that a config names and nobody commits: made on the spot, worth nothing elsewhere.

Importing what makes certificates takes a quarter of a second, so it is done only where a config names one.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
import secrets
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import trustme

_HOST = re.compile(r"(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\.?", re.I)

FFDHE2048 = b"""-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""
"""The group ffdhe2048 of RFC 7919, which is as good as a generated one and there at once."""

PASSWORD = "many-hands"
PASSWORDS = f"twin:{{PLAIN}}{PASSWORD}\n".encode()
"""One user, ``twin``."""


@dataclass(frozen=True)
class Leaf:
    """A certificate with its chain, and its key, both PEM."""

    chain: bytes
    key: bytes


class Authority:
    """The one authority of a twin. Nothing is made before it is asked for."""

    @cached_property
    def _root(self) -> trustme.CA:
        import trustme

        return trustme.CA(organization_name="Many Hands", organization_unit_name="twin")

    @property
    def certificate(self) -> bytes:
        """Its certificate (PEM)."""
        return self._root.cert_pem.bytes()

    def leaf(self, names: Iterable[str]) -> Leaf:
        """A certificate for host names (``*.`` allowed) and addresses; those that cannot be in one are left out."""
        from trustme import KeyType

        unique = dict.fromkeys(name.rstrip(".") for name in names)
        hosts = [name for name in unique if not _address(name) and _HOST.fullmatch(name) and len(name) <= 200]
        addresses = [name for name in unique if _address(name)]
        # A balancer that checks for an address looks for it among the host names, where it is found as common name
        # only if there are none.
        common = addresses[0] if addresses and not hosts else None
        leaf = self._root.issue_cert(
            *(hosts or addresses or ["twin.invalid"]), common_name=common, key_type=KeyType.ECDSA
        )
        chain = b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
        return Leaf(chain + self.certificate, leaf.private_key_pem.bytes())

    @property
    def revocations(self) -> bytes:
        """A list (PEM) that revokes nothing."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization

        root = x509.load_pem_x509_certificate(self.certificate)
        key = serialization.load_pem_private_key(self._root.private_key_pem.bytes(), None)
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(root.subject)
            .last_update(now - datetime.timedelta(days=1))
            .next_update(now + datetime.timedelta(days=365))
            .sign(key, hashes.SHA256())  # type: ignore[arg-type]  # trustme's keys are of a wider type
        )
        return made.public_bytes(serialization.Encoding.PEM)


def ticket_key(size: str, form: str) -> bytes:
    """A key for session tickets: ``size`` random bytes, ``raw``; or three of them as ``base64``, as HAProxy wants."""
    import base64

    number = int(size) if size.isdecimal() else 80
    if form == "raw":
        return secrets.token_bytes(number)
    return b"".join(base64.b64encode(secrets.token_bytes(number)) + b"\n" for _ in range(3))


def _address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
