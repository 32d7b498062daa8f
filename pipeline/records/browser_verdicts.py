"""Browser verdicts: what the runs of a model's variants in a browser say of each."""

from collections.abc import Mapping
from typing import ClassVar

from pipeline.records.record import Record
from pipeline.records.verdicts import VariantVerdict


class BrowserVerdicts(Record):
    """What `browser` finds."""

    FILE: ClassVar[str] = "browser.json"

    variants: dict[str, VariantVerdict]
    """By variant, with the checks on webgl and webgpu; `ok` unless a backend that the manifest
    requires does not prove the variant. A variant that was not run is left out."""

    def add_to(self, verdicts: Mapping[str, VariantVerdict]) -> dict[str, VariantVerdict]:
        """Return the verdicts of `verify` with these checks beside theirs.

        A variant is `ok` if both say so; else the reason is that of `verify`, or else of here.
        """
        return {
            name: _join(verdict, self.variants[name]) if name in self.variants else verdict
            for name, verdict in verdicts.items()
        }


def _join(verify: VariantVerdict, browser: VariantVerdict) -> VariantVerdict:
    checks = {**verify.checks, **browser.checks}
    if verify.status == "ok" and browser.status != "ok":
        return browser.model_copy(update={"checks": checks})
    return verify.model_copy(update={"checks": checks})
