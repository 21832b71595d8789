"""What the words of a ``bind`` or ``server`` line mean: which take an argument, which undo another.

From docs.haproxy.org/2.8/configuration.html#5.1 and #5.2; a word that is not here is a flag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BIND = """
accept-netscaler-cip alpn backlog ca-file ca-ignore-err ca-sign-file ca-sign-pass ca-verify-file ciphers ciphersuites
client-sigalgs crl-file crt crt-ignore-err crt-list curves default-crt ecdhe expose-fd gid group guid-prefix id
idle-ping interface label level maxconn mode mss name namespace nice npn ocsp-update process proto quic-cc-algo
severity-output shards sigalgs ssl-max-ver ssl-min-ver tcp-md5sig tcp-ut thread tls-ticket-keys uid user verify
"""
_SERVER = """
addr agent-addr agent-inter agent-port agent-send alpn ca-file check-alpn check-proto check-sni ciphers ciphersuites
client-sigalgs cookie crl-file crt curves downinter error-limit fall fastinter guid hash-key id idle-ping init-addr
init-state inter interface log-bufsize log-proto max-reuse maxconn maxqueue minconn namespace npn observe on-error
on-marked-down on-marked-up pool-conn-name pool-low-conn pool-max-conn pool-purge-delay port proto proxy-v2-options
redir resolve-net resolve-opts resolve-prefer resolvers rise shard sigalgs slowstart sni socks4 source ssl-max-ver
ssl-min-ver strict-maxconn tcp-md5sig tcp-ut tfo-arg track usesrc verify verifyhost weight ws
"""
BIND_WORDS = frozenset(_BIND.split())
SERVER_WORDS = frozenset(_SERVER.split())
_UNDO = {"enabled": "disabled", "non-stick": "stick", "stick": "non-stick"}


class Settings:
    """The settings of one ``bind`` or ``server`` line: flags, and words with values (the last one holds)."""

    def __init__(self, words: Iterable[Sequence[str]], valued: frozenset[str]) -> None:
        """From the words of one line, or of the ``default-server`` lines before it and then its own."""
        self._values: dict[str, list[str]] = {}
        for line in words:
            rest = iter(line)
            for word in rest:
                if word in valued:
                    self._values.setdefault(word, []).append(next(rest, ""))
                    continue
                self._values.pop(_UNDO.get(word, word.removeprefix("no-")), None)
                if not word.startswith("no-"):
                    self._values[word] = [""]

    def __contains__(self, word: str) -> bool:
        """Whether the word is said and holds."""
        return word in self._values

    def get(self, word: str, default: str = "") -> str:
        """The value that holds."""
        return self._values.get(word, [default])[-1]

    def all(self, word: str) -> tuple[str, ...]:
        """Every value, for a word that may come several times."""
        return tuple(self._values.get(word, ()))
