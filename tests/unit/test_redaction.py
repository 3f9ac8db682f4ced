"""What is masked before it is stored, and what is left alone; whatever the text, it takes linear time."""

import time
from datetime import UTC, datetime
from itertools import cycle, islice
from random import Random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oddline.patterns import Masker
from oddline.redaction import ON_BY_DEFAULT, CompiledRules, ErasedValues, Kind, OwnRule, ProjectRules, Redaction, Rules
from oddline.redaction.budget import TEXT_MARKS, Budget
from oddline.redaction.kinds import SUSPECTS
from oddline.redaction.redactor import Redactor, compiled
from oddline.submissions import take_entries

NOW = datetime.now(UTC)
ALL = Redactor(list(Kind))
DEFAULT = Redactor(ON_BY_DEFAULT)
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"

SECRETS = {
    "login with password=hunter2 failed": "login with password=<masked:password> failed",
    'db_password: "a b c", retry': 'db_password: "<masked:password>", retry',
    "{'clientSecret': 'x'}": "{'clientSecret': '<masked:password>'}",
    r"body {\"token\":\"x y\",\"n\":1}": r"body {\"token\":\"<masked:password>\",\"n\":1}",
    "GET /login?user=a&password=pw1&x=1": "GET /login?user=a&password=<masked:password>&x=1",
    "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG": "AWS_SECRET_ACCESS_KEY=<masked:password>",
    "connect postgres://app:s3cr3t@db:5432/x": "connect postgres://app:<masked:password>@db:5432/x",
    "Authorization: Basic dXNlcjpwYXNzd29yZA==": "Authorization: Basic <masked:bearer>",
    "sent Bearer abcdefghijklmnop0123 to x": "sent Bearer <masked:bearer> to x",
    f"session {JWT} ended": "session <masked:jwt> ended",
    "key AKIAIOSFODNN7EXAMPLE leaked": "key <masked:api_key> leaked",
    f"push by ghp_{'a1B2' * 9}": "push by <masked:api_key>",
    f"loaded {PEM} from disk": "loaded <masked:private_key> from disk",
    f"loaded {PEM[:60]}": "loaded <masked:private_key>",
    "card 4111 1111 1111 1111 declined": "card <masked:card> declined",
    "card=5500005555555559;": "card=<masked:card>;",
    "4111-1111-1111-1111 declined": "<masked:card> declined",
    "amex 3782-822463-10005": "amex <masked:card>",
}
BY_CHOICE = {
    "mail to müller.x+y@mail.example.org bounced": "mail to <masked:email> bounced",
    "paid from DE89 3704 0044 0532 0130 00": "paid from <masked:iban>",
    "ssn 078-05-1120": "ssn <masked:ssn>",
    "called +49 30 1234567": "called <masked:phone>",
}
HARMLESS = (
    "unexpected token: } at line 3",
    "Failed password for root from 10.0.0.1",
    "password: incorrect",
    "secret: none",
    "next_token=null",
    "PWD=/root/app",
    "tokens=4096 max_tokens: 12",
    "https://example.org:8080/users/a@b",
    "order 4111111111111112 shipped",  # its check sum is wrong
    "Received block blk_-4111111111111111",
    "id 41111111111111111111111",
    "at 1764254976123456 us",
    "Bearer token missing",
    "monkey: 3",
    "IBAN DE89 3704 0044 0532 0130 01",  # as is this one's
    "2026-11-27 14:47:36 078-05",
    "",
)


@pytest.mark.parametrize(("text", "masked"), SECRETS.items())
def test_obvious_secrets_are_masked_by_default(text: str, masked: str) -> None:
    assert DEFAULT.redact_text(text) == masked
    assert DEFAULT.redact_text(masked) == masked


@pytest.mark.parametrize(("text", "masked"), BY_CHOICE.items())
def test_what_names_a_person_is_masked_by_choice(text: str, masked: str) -> None:
    assert DEFAULT.redact_text(text) == text
    assert ALL.redact_text(text) == masked


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert ALL.redact_text(text) == text


def test_each_of_many_lines_is_masked_as_it_would_be_alone() -> None:
    texts = [*SECRETS, *BY_CHOICE, *HARMLESS, *reversed(SECRETS)]

    changed, count = ALL.redact(texts)

    alone = {place: ALL.redact_text(text) for place, text in enumerate(texts) if ALL.redact_text(text) != text}
    assert changed == alone
    assert count == sum(text.count("<masked:") for text in alone.values())


def test_numbers_of_blocks_are_no_suspects_for_which_each_line_is_tried() -> None:
    suspect = compiled(SUSPECTS[Kind.CARD])

    assert suspect.search("Received block blk_-4111111111111111") is None
    assert suspect.search("x4111111111111111 or 1.4111111111111111") is None


def test_in_attributes_a_secrets_name_is_enough() -> None:
    documents = [
        {"user": {"password": {"old": "a", "new": ["b", 3, None]}}, "tokens": 5},
        {"Set-Cookie": "a=b", "card": 4111111111111111, "n": 4111111111111112, "ok": True},
        {"nothing": "here"},
    ]

    changed, count = DEFAULT.redact_json([orjson.dumps(one).decode() for one in documents])

    mark = "<masked:password>"
    assert {place: orjson.loads(text) for place, text in changed.items()} == {
        0: {"user": {"password": {"old": mark, "new": [mark, mark, None]}}, "tokens": 5},
        1: {"Set-Cookie": mark, "card": "<masked:card>", "n": 4111111111111112, "ok": True},
    }
    assert count == 5


def test_a_project_and_its_sources_say_what_is_masked_there() -> None:
    rules = ProjectRules(
        project=Rules(on=frozenset({"email"}), off=frozenset({"card"}), own=(OwnRule("staff", r"E-(\d+)"),)),
        sources={"shop": Rules(on=frozenset({"card"}), off=frozenset({"email"}))},
    )
    text = "a@b.example E-17 4111111111111111"
    items = [{"message": text, "source": source} for source in ("shop", "other", "shop")]
    redaction = Redaction(CompiledRules(rules))

    columns, _ = take_entries(items, now=NOW, redaction=redaction)

    assert columns.messages == [
        "a@b.example E-<masked:staff> <masked:card>",
        "<masked:email> E-<masked:staff> 4111111111111111",
        "a@b.example E-<masked:staff> <masked:card>",
    ]
    assert redaction.masked == 6


def test_nothing_that_is_kept_of_a_request_holds_a_secret() -> None:
    secret = "password=hunter2"
    items = [
        {"message": secret, "source": secret, "session": secret, "attributes": {"a": [secret], secret: 1}},
        {"message": "x", "timestamp": secret},
        {"message": "x", "severity": secret},
        {"message": "x", "a": 1, "attributes": {"a": secret}},
    ]

    columns, faults = take_entries(items, now=NOW)

    assert "hunter2" not in f"{columns}{faults}"
    assert columns.sources == ["password=<masked:password>"]
    assert columns.sessions == [""]
    assert [(fault.index, fault.code) for fault in faults] == [(1, "format"), (2, "unknown"), (3, "twice")]


def test_an_entry_that_is_nested_too_deeply_to_be_looked_through_is_refused_unquoted() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]

    [fault] = take_entries([{"message": "x", "attributes": deep, "timestamp": "password=hunter2"}], now=NOW)[1]

    assert (fault.code, "hunter2" in fault.detail) == ("format", False)


def test_erased_values_are_found_in_each_way_of_writing_them() -> None:
    redactor = Redactor((), erased=[ErasedValues(('Jürgen "X"', "anna@x.example"), ignore_case=True)])
    texts = ['hi JÜRGEN "x"!', "mail=anna%40x.example", '{"a":"Jürgen \\"X\\""}', 'Ju\u0308rgen "X"', "Jürgen"]

    changed, count = redactor.redact(texts)

    assert changed == {0: "hi <erased>!", 1: "mail=<erased>", 2: '{"a":"<erased>"}', 3: "<erased>"}
    assert count == 4


def test_the_pattern_of_a_masked_line_is_the_same_whatever_was_masked() -> None:
    masker = Masker()

    patterns = masker.mask_many(
        ["login a@b.example failed", "login <masked:email> failed", "code <masked:jwt> ok", "code <erased> ok"]
    )

    assert patterns == ["login <email> failed", "login <email> failed", "code <str> ok", "code <str> ok"]
    assert masker.mask_many(patterns) == patterns


@given(st.text(alphabet=st.sampled_from("pasword=:\"'\\ {}@.-+eyJAKI4108 \n<>é/")))
def test_masking_twice_is_masking_once_and_never_fails(text: str) -> None:
    masked = ALL.redact_text(text)

    assert ALL.redact_text(masked) == masked


@pytest.mark.parametrize(
    "hostile",
    [
        "password=" * 20_000,
        'token"' * 30_000,
        'secret:\\"' * 20_000,
        "eyJ" + "a" * 200_000,
        "eyJaaaaa.aaaaaa." * 12_000,
        "://" + "a:" * 90_000 + "@",
        "://" * 60_000 + "a:b@",
        "a@" * 90_000,
        "a." * 90_000 + "@a.b",
        "-----BEGIN " * 16_000 + "PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----" * 6_000,
        "4 " * 90_000,
        "4111-1111-" * 18_000,
        "+1 " * 60_000,
        "AB12" * 45_000,
        "authorization: " * 12_000,
        "bearer " * 25_000,
    ],
    ids=lambda text: text[:24],
)
def test_no_line_takes_long_however_hostile(hostile: str) -> None:
    begun = time.process_time()

    ALL.redact_text(hostile)

    assert time.process_time() - begun < 2.0  # 180 KB; what is quadratic in it takes minutes


def test_an_expression_that_would_take_others_for_ever_takes_no_time() -> None:
    redactor = Redactor((), own=[OwnRule("own", r"(a+)+$"), OwnRule("more", r"(x|x|x)*y")])
    begun = time.process_time()

    redactor.redact(["a" * 100_000 + "!", "x" * 100_000])

    assert time.process_time() - begun < 2.0


HOSTILE = {
    "all its matches together are quadratic": ("a.*z|a", "a" * 200_000),
    "a match for every character": ("a", "a" * 200_000),
    "more states than any memory holds": ("[ab]*a[ab]{900}c", "".join(Random(1).choices("ab", k=200_000))),
    "matches of which nothing is masked": ("(x?)a.*z|a", "a" * 200_000),
}


@pytest.mark.parametrize(("expression", "line"), HOSTILE.values(), ids=HOSTILE)
def test_of_a_line_that_an_expression_takes_too_long_for_the_rest_is_masked_whole(expression: str, line: str) -> None:
    redactor = Redactor((), own=[OwnRule("own", expression)])
    begun = time.thread_time()

    [masked] = redactor.redact([line])[0].values()

    assert time.thread_time() - begun < 2.0  # without a budget: minutes
    assert masked.endswith("<masked:own>")
    assert masked.replace("<masked:own>", "") == ""
    assert masked.count("<masked:own>") <= TEXT_MARKS + 1


def test_a_hostile_line_takes_nothing_from_the_others() -> None:
    redactor = Redactor((), own=[OwnRule("own", "a.*z|a")])

    changed, _ = redactor.redact(["b" * 50, "a" * 200_000, "b a b"])

    assert (sorted(changed), changed[2]) == ([1, 2], "b <masked:own> b")


def test_what_is_over_the_budget_of_a_submission_is_masked_whole_and_nothing_of_it_is_stored() -> None:
    rules = ProjectRules(project=Rules(own=(OwnRule("own", "a.*z|a"), OwnRule("other", "[0-9]+"))))
    redaction = Redaction(CompiledRules(rules), budget=Budget(seconds=0.3))
    items = [{"message": "a" * 100_000} for _ in range(40)] + [{"message": "4711", "host": "secret", "n": [4711]}]
    begun = time.thread_time()

    columns, _ = take_entries(items, now=NOW, redaction=redaction)

    assert time.thread_time() - begun < 2.0
    assert (columns.messages[-1], columns.attributes[-1]) == ("<masked:other>", '{"masked":"<masked:own>"}')
    assert not [text for text in (*columns.messages, *columns.attributes) if "4711" in text or "secret" in text]


def test_no_memory_is_filled_with_marks() -> None:
    rules = ProjectRules(project=Rules(own=(OwnRule("a" * 30, "x"),)))
    redaction = Redaction(CompiledRules(rules))
    items = [{"message": "x" * 999, "list": ["x"] * 1_001} for _ in range(400)]

    columns, _ = take_entries(items, now=NOW, redaction=redaction)

    assert sum(map(len, columns.messages)) + sum(map(len, columns.attributes)) < 10_000_000


def test_a_batch_without_secrets_costs_a_fraction_of_taking_it() -> None:
    words = cycle(["request", "took", "ms", "user", "logged", "in", "cache", "miss", "GET", "/api/v1/x"])
    text = list(islice(words, 160_000))
    items = [{"message": " ".join(text[place : place + 16])} for place in range(0, 160_000, 16)]
    messages = [item["message"] for item in items]

    taking = min(timed(lambda: take_entries(items, now=NOW)) for _ in range(5))
    masking = min(timed(lambda: DEFAULT.redact(messages)) for _ in range(5))

    assert masking < taking / 2  # a tenth where nothing else runs


def timed(work: object) -> float:
    begun = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - begun
