"""The contract is held to what others have recorded of the real API."""

from __future__ import annotations

import json
import re
from pathlib import Path

from mailchimp_simulator.contract.evidence import all_misfits, recorded_answers, report, resources
from mailchimp_simulator.contract.operations import CONTRACT_FILE, Contract

PAGE = Path(__file__).parents[2] / "docs" / "contract-evidence.md"


def planted(folder: Path, definition: str, **fields: dict[str, str]) -> Contract:
    """The contract with fields that nobody has ever seen."""
    raw = json.loads(CONTRACT_FILE.read_text(encoding="utf-8"))
    raw["$defs"][definition]["properties"] |= fields
    path = folder / "contract.json"
    path.write_text(json.dumps(raw), encoding="utf-8")
    return Contract(path)


def test_every_field_of_the_evidence_is_in_the_contract_with_a_type_that_fits() -> None:
    assert all_misfits(Contract()) == []


def test_a_field_that_the_contract_lacks_or_has_with_another_type_is_found(tmp_path: Path) -> None:
    contract = planted(tmp_path, "campaigns", web_id={"type": "string"})
    del contract.raw["$defs"]["campaigns"]["properties"]["archive_url"]

    found = "\n".join(all_misfits(contract))

    assert "campaigns[].web_id: integer where the contract has string" in found
    assert "campaigns[].archive_url: not in the contract" in found


def test_invented_fields_show_up_in_the_report(tmp_path: Path) -> None:
    contract = planted(tmp_path, "campaigns", loyalty_score={"type": "integer"}, mood={"type": "string"})

    invented = set(resources(contract)["/campaigns"].never_shown) - set(resources(Contract())["/campaigns"].never_shown)

    assert invented == {"loyalty_score", "mood"}
    assert report(contract) != report(Contract())


def test_the_report_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == report(Contract())


def test_the_evidence_names_its_source_and_no_person() -> None:
    for recorded in recorded_answers():
        assert recorded.provenance, recorded.name
        text = json.dumps([recorded.body, recorded.request, recorded.query])
        addresses = {part for part in text.replace('"', " ").replace("\\", " ").split() if "@" in part}
        strange = {one for one in addresses if not re.search(r"@(example\.\w+|inbound\.mailchimp\.com)\b", one)}
        assert strange == set(), recorded.name
