"""Secrets and personal data never reach a log or an error message."""

from __future__ import annotations

import io
import logging
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailchimp_api.errors import Problem, RequestRefused, ServerFault
from mailchimp_api.masking import MaskingFilter, mask, mask_address, mask_logging, register_secrets
from mailchimp_api.members import subscriber_hash

KEY = "0123456789abcdef0123456789abcdef-us10"
ADDRESS = "jane.doe+news@example.com"
HASH = subscriber_hash(ADDRESS)

LOCAL_PARTS = st.text("abcdefghijklmnopqrstuvwxyzäéß0123456789.!#$*+-^_`|~", min_size=2, max_size=80)
DOMAINS = st.from_regex(r"[a-z0-9][a-z0-9-]{1,40}(\.[a-z]{2,10}){1,3}", fullmatch=True)
SURROUNDINGS = st.text(max_size=40)


def read_member(cache: dict[str, str]) -> str:
    """Fail the way code fails that knows nothing of masking."""
    try:
        return cache[f"https://us10.api.mailchimp.com/3.0/lists/x/members/{HASH}"]
    except KeyError as error:
        raise ValueError(f"{KEY} for {ADDRESS}") from error


class TestMask:
    @pytest.mark.parametrize(
        "text,masked",
        [
            (f"key {KEY} refused", "key *** refused"),
            (f"x{KEY}", "x***"),
            (f"Contact {ADDRESS}.", "Contact j***@e***"),
            (f'{{"email_address":"{ADDRESS}","n":1}}', '{"email_address":"j***@e***","n":1}'),
            ("GET /lists?email=jane%40example.com&count=1", "GET /lists?email=j***@e***&count=1"),
            ("GET /x?next=%2Flists%3Femail%3Djane%2540example.com", "GET /x?next=%***@e***"),
            ("jane@example.com,joe@example.org;x", "j***@e***,j***@e***;x"),
            ('"jane doe"@example.com was refused', "***@e*** was refused"),
            ("Ünal@exämple.com", "Ü***@e***"),
            ("o'hara@example.com is there", "o***@e*** is there"),
            ("it is 'jane@example.com'", "it is 'j***@e***'"),
            ("a+b=c@example.com", "a+b=c***@e***"),
            (f"/3.0/lists/a1b2c3d4e5/members/{HASH}?x=1", "/3.0/lists/a1b2c3d4e5/members/***?x=1"),
            (f"/members/{HASH.upper()}", "/members/***"),
            (f"hash_{HASH}", "hash_***"),
        ],
    )
    def test_keys_addresses_and_hashes_are_masked_wherever_they_stand(self, text: str, masked: str) -> None:
        assert mask(text) == masked

    @pytest.mark.parametrize(
        "text",
        [
            "GET /lists/a1b2c3d4e5/members answered 504 (request id 2c5ea1b8-2e32-4d52-9d0f-8e4c8e0a9a3b)",
            "3,000 of 10,000 contacts; 99 % done",
            "sha256 " + "0123456789abcdef" * 4,
        ],
    )
    def test_what_is_no_secret_stays_readable(self, text: str) -> None:
        assert mask(text) == text

    @pytest.mark.parametrize(
        "text,masked",
        [
            ("invalid (the portion before the @: jane.doe)", "invalid (the portion before the @: ***)"),
            ("invalid (the portion after the @: home.example).", "invalid (the portion after the @: ***)."),
            ("An email address must contain a single @", "An email address must contain a single @"),
        ],
    )
    def test_half_an_address_is_masked_where_mailchimp_says_that_it_is_one(self, text: str, masked: str) -> None:
        assert mask(text) == masked

    @given(local=LOCAL_PARTS, domain=DOMAINS, before=SURROUNDINGS, after=SURROUNDINGS)
    def test_no_address_survives_in_any_surroundings(self, local: str, domain: str, before: str, after: str) -> None:
        """Whatever stands around it: neither the address nor the domain behind its @ can be read."""
        for at in ("@", "%40", "%2540"):
            masked = mask(f"{before}{local}{at}{domain}{after}")

            assert f"{local}{at}{domain}" not in masked
            assert f"{at}{domain}" not in masked

    @given(address=st.emails())
    def test_no_address_that_is_valid_by_the_book_survives(self, address: str) -> None:
        assert address not in mask(f"Member {address} exists")

    @given(text=st.one_of(st.text(), st.text("a@%40 \"./='0123456789abcdef-us", max_size=120)))
    def test_masking_twice_changes_nothing(self, text: str) -> None:
        once = mask(text)

        assert mask(once) == once

    def test_a_long_text_is_masked_in_time_that_grows_with_its_length_only(self) -> None:
        """An answer of a megabyte in a message must not stop the sync (quadratic, this would take minutes)."""
        text = "a" * 1_000_000 + "@" + "b" * 1_000_000

        assert mask(text) == "a***@b***"

    def test_a_registered_secret_is_masked_in_plain_and_as_json_shows_it(self) -> None:
        register_secrets(['pa"ss\\word', "token-1"])

        assert mask('{"a": "pa\\"ss\\\\word"} pa"ss\\word token-1') == '{"a": "***"} *** ***'

    def test_a_secret_that_is_part_of_another_leaves_nothing_of_it(self) -> None:
        register_secrets(["abcd", "abcdefgh"])

        assert mask("abcdefgh") == "***"

    def test_blank_and_very_short_secrets_do_not_garble_messages(self) -> None:
        register_secrets(["", "    ", "a", "us1"])

        assert mask("a status of us1") == "a status of us1"

    def test_secrets_can_be_registered_while_others_mask(self) -> None:
        failures: list[BaseException] = []

        def mask_on() -> None:
            try:
                for _ in range(300):
                    mask("nothing to hide")
            except RuntimeError as error:
                failures.append(error)

        thread = threading.Thread(target=mask_on)
        thread.start()
        for number in range(300):
            register_secrets([f"secret-{number}"])
        thread.join()

        assert failures == []
        assert mask("secret-0 secret-299") == "*** ***"


def test_a_masked_address_still_tells_its_owner_which_it_is() -> None:
    assert mask_address("jane@example.com") == "j***@e***"
    assert mask_address("not-an-address") == "n***@***"


class TestErrors:
    """Errors go to traces and exit messages: they are masked by themselves, whoever shows them."""

    def test_an_errors_text_shows_no_address_mailchimp_quoted(self) -> None:
        problem = Problem(400, "Member Exists", f"{ADDRESS} is already a list member", (("email", f"bad {ADDRESS}"),))
        error = RequestRefused(f"Refused: {problem}", problem=problem, request_id="r-1")

        assert str(error) == (
            "Refused: Member Exists — j***@e*** is already a list member — email: bad j***@e*** (request id r-1)"
        )
        assert ADDRESS not in repr(error)

    def test_a_request_id_that_looks_like_a_hash_is_shown_all_the_same(self) -> None:
        """Mailchimp's support asks for it."""
        assert str(ServerFault("failed", request_id="0" * 32)) == f"failed (request id {'0' * 32})"


class TestMaskLogging:
    @pytest.fixture
    def log(self) -> tuple[logging.Logger, io.StringIO]:
        """A logger with a handler of its own, set up after the masking, as airbyte-cdk does it."""
        mask_logging()
        stream = io.StringIO()
        logger = logging.Logger("test")  # noqa: LOG001 - out of the tree, so that nothing of it remains
        logger.addHandler(logging.StreamHandler(stream))
        return logger, stream

    def test_messages_and_arguments_are_masked(self, log: tuple[logging.Logger, io.StringIO]) -> None:
        logger, stream = log
        logger.info("%s of %s", ADDRESS, {"key": KEY})

        assert stream.getvalue() == "j***@e*** of {'key': '***'}\n"

    def test_objects_logged_as_messages_are_masked(self, log: tuple[logging.Logger, io.StringIO]) -> None:
        logger, stream = log
        logger.error(ValueError(f"no {ADDRESS}"))

        assert stream.getvalue() == "no j***@e***\n"

    def test_tracebacks_and_the_exceptions_behind_them_are_masked(
        self, log: tuple[logging.Logger, io.StringIO]
    ) -> None:
        logger, stream = log
        try:
            read_member({})
        except ValueError:
            logger.exception("failed", stack_info=True)

        assert "KeyError" in stream.getvalue()
        assert "ValueError: *** for j***@e***" in stream.getvalue()
        assert HASH not in stream.getvalue()
        assert "Stack (most recent call last)" in stream.getvalue()

    def test_a_formatter_of_its_own_way_gets_no_exception_to_print_unmasked(self) -> None:
        records: list[logging.LogRecord] = []

        class Keep(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                records.append(record)

        mask_logging()
        logger = logging.Logger("test")  # noqa: LOG001 - out of the tree, so that nothing of it remains
        logger.addHandler(Keep())
        try:
            read_member({})
        except ValueError:
            logger.exception(ADDRESS)

        assert ADDRESS not in str([vars(record) for record in records])

    def test_a_message_that_does_not_fit_its_arguments_is_logged_nonetheless(
        self, log: tuple[logging.Logger, io.StringIO]
    ) -> None:
        logger, stream = log
        logger.info("%d contacts", ADDRESS)

        assert stream.getvalue() == "%d contacts ('j***@e***',)\n"

    def test_asking_twice_masks_once(self) -> None:
        mask_logging()
        once = logging.getLogRecordFactory()
        mask_logging()

        assert logging.getLogRecordFactory() is once


def test_a_single_handler_can_be_masked_by_itself() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(MaskingFilter())
    logger = logging.Logger("test")  # noqa: LOG001 - out of the tree, so that nothing of it remains
    logger.addHandler(handler)
    logger.info("%s", ADDRESS)

    assert stream.getvalue() == "j***@e***\n"
