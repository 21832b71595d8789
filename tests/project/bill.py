"""A bill of materials in CycloneDX's JSON, from the lock file: ``python -m tests.project.bill >bill.json``.

The same lock gives the same bill, byte for byte. Hashes of every file are in the lock itself.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

import autograder
from tests.project.locked import LOCK, Package, packages


def bill() -> dict[str, Any]:
    """The document: this project, and a component for each package of the lock."""
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, LOCK.read_text('utf-8'))}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "many-hands",
                "name": "many-hands",
                "version": autograder.__version__,
                "licenses": [{"expression": "Apache-2.0 AND CC-BY-4.0"}],
            }
        },
        "components": [_component(package) for package in packages()],
    }


def _component(package: Package) -> dict[str, Any]:
    place = f"pkg:pypi/{package.name.lower().replace('_', '-')}@{package.version}"
    condition = [{"name": "many-hands:only-if", "value": package.only_if}] if package.only_if else []
    return {
        "type": "library",
        "bom-ref": place,
        "name": package.name,
        "version": package.version,
        "purl": place,
        "licenses": [{"expression": package.licence}],
        **({"properties": condition} if condition else {}),
    }


if __name__ == "__main__":
    print(json.dumps(bill(), indent=2))
