"""Why one contact was not written, as a row of a batch and as the answer to a call about this one contact."""

from __future__ import annotations

from typing import Any

from mailchimp_simulator.contract.answers import ProblemError

Json = dict[str, Any]
UNVALIDATED = "The resource submitted could not be validated. For field-specific details, see the 'errors' array."
MERGE_FIELDS_INVALID = "Your merge fields were invalid."


class Refusal(Exception):
    """Ends the writing of one contact."""

    def __init__(self, title: str, text: str, *errors: tuple[str, str], code: str = "ERROR_GENERIC") -> None:
        """`errors`: `(field, message)` of each invalid field. A batch row has room for the first of them."""
        super().__init__(text)
        self.title = title
        self.text = text
        self.errors = errors
        self.code = code

    def problem(self) -> ProblemError:
        """As the answer to a call about this one contact."""
        errors = [{"field": field, "message": message} for field, message in self.errors]
        return ProblemError(400, self.title, self.text, errors or None)

    def row(self, email: str, *, names_field: bool = True) -> Json:
        """As an entry of a batch's `errors`. `names_field`: whether a refused merge field is told (open)."""
        field, message = self.errors[0] if self.errors else ("", "")
        if self.text == MERGE_FIELDS_INVALID and not names_field:
            field = message = ""
        return {"email_address": email, "error": self.text, "error_code": self.code, "field": field,
                "field_message": message}  # fmt: skip


def member_exists(email: str) -> Refusal:
    """A contact that was to be new is there already (recorded)."""
    return Refusal("Member Exists", f"{email} is already a list member. Use PUT to insert or update list members.")


def compliance(email: str) -> Refusal:
    """Who left can't be subscribed by the API (report)."""
    text = "is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed."
    return Refusal("Member In Compliance State", f"{email} {text}")


def forgotten(email: str) -> Refusal:
    """Who was deleted for good can't be written (report)."""
    text = "was permanently deleted and cannot be re-imported. The contact must re-subscribe to get back on the list."
    return Refusal("Forgotten Email Not Subscribed", f"{email} {text}")
