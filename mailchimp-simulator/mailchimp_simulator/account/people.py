"""Who the contacts are: names and addresses computed from a number."""

from __future__ import annotations

import hashlib

FIRST = (
    "Ada", "Zoë", "Bjørn", "Chloé", "Dmitri", "Élodie", "Fatima", "Grace", "Hélène", "Ivan", "Jürgen", "Kåre",
    "Łukasz", "Mei", "Noël", "Olga", "Priya", "Quentin", "Rosa", "Søren", "Tomás", "Ursula", "Vít", "Wendy",
    "Xavier", "Yuki", "Zhang", "Ана", "李", "محمد", "Dana", "Eve",
)  # fmt: skip
LAST = (
    "Lovelace", "O'Neill", "Müller", "García", "Nguyễn", "Smith", "Jones", "Petrov", "Sato", "Novák", "Kowalski",
    "Ferrari", "Dubois", "Silva", "Johansson", "Hansen", "Иванова", "王", "Abebe", "Okafor", "Haddad", "Cohen",
    "Khan", "Singh", "Rossi", "Papadopoulos", "Yılmaz", "Horváth", "Virtanen", "Murphy", "de la Cruz", "van Dyk",
)  # fmt: skip
_ASCII_FIRST = (
    "ada", "zoe", "bjorn", "chloe", "dmitri", "elodie", "fatima", "grace", "helene", "ivan", "jurgen", "kare",
    "lukasz", "mei", "noel", "olga", "priya", "quentin", "rosa", "soren", "tomas", "ursula", "vit", "wendy",
    "xavier", "yuki", "zhang", "ana", "li", "mohamed", "dana", "eve",
)  # fmt: skip
DOMAINS = ("example.com", "example.org", "example.net", "mail.example.com", "post.example.org", "Example.com",
           "firma.example.net", "corp.example.com")  # fmt: skip


def address(number: int, bits: int) -> str:
    """The address of person `number`; some are written in capitals, as people do."""
    text = f"{_ASCII_FIRST[bits & 31]}.{number:x}@{DOMAINS[bits >> 10 & 7]}"
    return text if bits >> 13 & 31 else text.upper()


def subscriber_hash(email: str) -> str:
    """Mailchimp's id of a contact: the md5 of the address in lower case."""
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()
