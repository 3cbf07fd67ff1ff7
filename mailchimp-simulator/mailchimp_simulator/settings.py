"""What can be chosen: the size of the account, its seed, and how the service behaves where sources disagree."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal, get_args, get_type_hints

DEFAULT_API_KEY = "0123456789abcdef0123456789abcdef-us10"
DEFAULT_OAUTH_TOKEN = "simulated-oauth-token"  # noqa: S105 -- the stand-in's own token opens nothing


@dataclass
class OpenFacts:
    """One reading of each fact that `facts.md` marks *open*, by the name that it gives there."""

    batch_takes_tags: bool = False
    """A batch member's `tags` are applied, also for existing contacts."""
    batch_update_without_status: bool = True
    """A batch may update an existing contact that comes without `status`; else ERROR_GENERIC."""
    archived_in_create: Literal["exists", "revives", "exists_generic"] = "exists"
    """`update_existing: false` for an archived contact: ERROR_CONTACT_EXISTS, revived, or ERROR_GENERIC."""
    put_tags_ignored_for_existing: bool = True
    """`tags` in a PUT do nothing for a contact that exists."""
    batch_row_names_field: bool = True
    """A batch row tells which merge field was refused; else "Your merge fields were invalid." is all it says."""
    resubscribe_succeeds: bool = False
    """`status: subscribed` for an unsubscribed contact succeeds; else Member In Compliance State."""
    resubscribe_after_api: bool = True
    """The same, where a call of the API itself had unsubscribed the contact."""
    resubscribe_silently_ignored: bool = False
    """`status: subscribed` for a contact that must stay as it is: answered as if done, and the status stays."""
    double_optin_by_api: bool = False
    """In an audience with double opt-in a new contact sent as subscribed becomes pending."""
    email_change_of_unsubscribed: bool = True
    """The address of a contact that is not subscribed may be changed."""
    segments_take_unsubscribed: bool = True
    """Segment calls take pending, unsubscribed and cleaned contacts; else they are ignored, as unknown ones are."""
    segment_totals_told: bool = True
    """Segment calls tell how many they added; else `total_added` is 0 and nobody is listed, though they did."""
    segment_names_unique: bool = False
    """A second segment of one name is refused; else it is made."""
    member_tags_move_last_changed: bool = True
    """`POST members/{hash}/tags` that changes something moves the contact's `last_changed`."""
    segment_joins_move_last_changed: bool = False
    """Joining a static segment by a segment call moves the contact's `last_changed`."""
    birthday_as_field_says: bool = False
    """A birthday field with the date format DD/MM takes DD/MM; else MM/DD, as every birthday field."""
    empty_state: Literal["accepted", "refused"] = "accepted"
    """An address with an empty `state`, where the key is there."""
    empty_zip: Literal["accepted", "refused"] = "refused"
    """The same for `zip`; nobody has shown one that was taken."""
    audience_has_sms: bool = False
    """`POST /audiences/{audience_id}/contacts` takes an SMS channel; else the account lacks it: 403."""
    sms_update_of_existing: Literal["taken", "refused", "revives"] = "taken"
    """The same for a contact that exists, with `update_existing`; `revives`: an archived one comes back by it."""
    status_if_new_revives: bool = False
    """An update with `status_if_new` and no `status`, of a batch or by PUT, brings an archived contact back."""
    paging_everywhere: bool = False
    """Each collection takes `count` and `offset`, and shows ten rows without; else those that are documented to do."""
    tie_order: Literal["stable", "shuffled"] = "stable"
    """Rows with equal sort values come in the same order with every request, or in another."""
    connection_limit_per: Literal["user", "key"] = "user"
    """Whether two keys of one user share the ten connections."""
    one_group_of_a_choice: bool = False
    """A group of a radio or dropdown category that a contact gets ends its others of it; else they stay."""
    incomplete_address: Literal["error", "ignored"] = "error"
    """An address merge field without addr1, city, state or zip: an error, or 200 and no change."""
    embedded_children: Literal["all", "ten", "none"] = "all"
    """Orders, carts and products hold all rows below them, the first ten, or none."""
    split_totals: Literal["summed", "own"] = "summed"
    """A variate campaign's report sums up those of its versions, and lists nothing itself; or it has its own doings."""
    deletion_deletes_activity: bool = True
    """Who was deleted for good vanishes from the listings of a campaign's recipients; the report's sums stay."""

    def choose(self, name: str, reading: object) -> None:
        """Take one reading of one fact; `true` and `false` as text, too. Raises ValueError if there is none such."""
        choices = readings()
        if name not in choices:
            raise ValueError(f"no such fact: {name}; there are {sorted(choices)}")
        as_text = {str(one).lower(): one for one in choices[name]}
        chosen = as_text.get(str(reading).lower())
        if chosen is None:
            raise ValueError(f"{name} is one of {sorted(as_text)}, not {reading}")
        setattr(self, name, chosen)


def readings() -> dict[str, tuple[bool | str, ...]]:
    """All readings of each open fact, by its name."""
    hints = get_type_hints(OpenFacts)
    names = [one.name for one in fields(OpenFacts)]
    return {name: (False, True) if hints[name] is bool else get_args(hints[name]) for name in names}


@dataclass
class Settings:
    """Everything that the command line sets."""

    seed: int = 1
    contacts: int = 300
    audiences: int = 3
    campaigns: int = 12
    recipients: int = 40
    stores: int = 2
    products: int = 5
    orders: int = 8
    templates: int = 6
    automations: int = 2
    conversations: int = 5
    messages: int = 3
    segments: int = 4
    rows: int | None = None
    import_size: int = 2500
    all_sent: bool = False
    plain: bool = False
    now: int | None = None
    api_key: str = DEFAULT_API_KEY
    oauth_token: str = DEFAULT_OAUTH_TOKEN
    connection_limit: int = 10
    gzip: bool = True
    facts: OpenFacts = field(default_factory=OpenFacts)
