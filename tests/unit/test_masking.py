"""The masks: what becomes a placeholder, what stays, and that no text whatever breaks them."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddline.patterns.alignment import align
from oddline.patterns.masking import MESSAGE_CHARS, PATTERN_CHARS, PLACEHOLDERS, Masker
from oddline.patterns.model import pattern_hash

_SLOWEST_SECONDS = 0.5
_LONGEST_MESSAGE = 256 * 1024

_PIECES_TEXT = (
    "0 5 12 404 1.5 -3 0x1f deadbeef0 a-f ' \" ' \" = : , ; ( ) [ ] { } < > / \\ @ . - _ \n \t "
    'status errors failed user= msg= "msg": ," Jun Sun Dec KB ms root http://a.b/c a@b.org /a/b C:\\x fe80::1 '
    "10.0.0.1:80 12:30:01 2024-01-02 127e769a-4fe6-4548-93b1-513ac51e0452 HTTP/1.1 blk_-7 é 日 ٣ \ud800 \x00"
)
_PIECES = st.sampled_from([*PLACEHOLDERS, *_PIECES_TEXT.split(" "), "for user ", "GET ", " "])
_REPEATED = (
    'a|1.|"|\'|/| |<|a@|::|ab-|\\|1:|0x|0 |{"a":1,"|\'a |é|\ud800|Jan 1 1 |for user |a1b|f:|status: 1 |<num>|C:\\|~/|a.'
)
_LOGLIKE = st.lists(_PIECES | st.text(max_size=4), max_size=24).map("".join)
_WORDLIKE = st.lists(_PIECES, max_size=24).map(" ".join)


@pytest.mark.parametrize(
    ("message", "pattern"),
    [
        ("took 12 steps of 3.5", "took <num> steps of <num>"),
        ("x=-5 y=+3.2 z=1e-5 in 7%", "x=<num> y=<num> z=<num> in <num>%"),
        ("at 0x00e462c0 and 3f2a9bc1", "at <hex> and <hex>"),
        ("req-127e769a-4fe6-4548-93b1-513ac51e0452 ok", "req-<uuid> ok"),
        ("from 10.0.0.1:8080 to fe80::1%eth0", "from <ip> to <ip>"),
        ("mac 00:1B:44:11:3A:B7 joined", "mac <mac> joined"),
        ("mail to a.b@c.org bounced", "mail to <email> bounced"),
        ("open /var/log/x.log and C:\\Temp\\x.dll", "open <path> and <path>"),
        ("fetch https://u:p@h/x?y#z.", "fetch <url>."),
        ("cannot resolve db1.example.com:5432 now", "cannot resolve <host> now"),
        ("2024-01-02T03:04:05.678Z up", "<time> up"),
        ("2024-01-02 03:04:05,678 up", "<time> up"),
        ("Jun  3 15:42:50 combo up", "<time> combo up"),
        ("2005-06-03-15.42.50.675872 up", "<time> up"),
        ("[Sun Dec 04 04:47:44 2005] up", "[<time>] up"),
        ("[10/Oct/2000:13:55:36 -0700] up", "[<time>] up"),
        ("17/06/09 20:10:40 INFO up", "<time> INFO up"),
        ("10-30 16:49:05.123 up", "<time> up"),
        ("at 1117838570 up", "at <num> up"),
        ("took 10ms then 1.5 s then 00:01:12 more", "took <duration> then <duration> then <time> more"),
        ("sent 10 KB of 512MiB, 4096 bytes", "sent <size> of <size>, <size>"),
        ("blk_-1608999687919862906 on node-132", "blk_<num> on node-<num>"),
        ("R02-M1-N0-C:J12-U11 down", "R<num>-M<num>-N<num>-C:J<num>-U<num> down"),
        ("uid=12 name=web3", "uid=<num> name=web<num>"),
        ("service 'org.a b' on \"some text\" x", "service <str> on <str> x"),
        ("session opened for user alice by x", "session opened for user <user> by x"),
        ("ask for blk_1 blk_2 blk_3 blk_4", "ask for blk_<num> <more>"),
    ],
)
def test_variable_parts_become_placeholders(message: str, pattern: str) -> None:
    assert Masker().mask(message) == pattern


@pytest.mark.parametrize(
    "message",
    [
        "error failed dead bad added face decade facade feed",
        "don't can't the users' files",
        "session opened for user root by x",
        "0 errors found",
        "failed: 0 and errors=0",
        "exit code 137, signal 9, errno 5",
        "status=404 and status: 503",
        "state 'failed' now",
        "std::vector and a/b and n/a",
        "日本語エラー ٣ naïve état",
        "a <num> and <str> typed by somebody",
    ],
)
def test_what_tells_good_from_bad_stays(message: str) -> None:
    assert Masker().mask(message) == message


def test_no_errors_differs_from_some_errors() -> None:
    masker = Masker()

    none, few, many = masker.mask_many(["0 errors found", "7 errors found", "40 errors found"])

    assert none != few == many


@pytest.mark.parametrize("template", ["errors={}", "failed: {} of x", '{{"errors":{}}}', "x{}x1f", "{}", "status={}"])
def test_a_number_seen_before_does_not_decide_the_mask_of_another(template: str) -> None:
    messages = [template.format(digit) for digit in "7053"]

    together = Masker().mask_many(messages)

    assert together == [Masker().mask(message) for message in messages]


def test_a_status_in_an_access_log_stays_and_the_rest_is_masked() -> None:
    line = '10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /a/b?c=1 HTTP/1.1" 500 2326 "-" "curl/8.1 (x)"'

    pattern = Masker().mask(line)

    assert pattern == '<ip> - - [<time>] "GET <path> HTTP/<num>" 500 <num> <str> <str>'


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        (
            '{"level":"error","msg":"connection refused","status":503,"user":"al","n":12}',
            '{"level":"error","msg":"connection refused","status":503,"user":<str>,"n":<num>}',
        ),
        (
            'level=error msg="connection refused to db 12" user="John Smith" errno=111',
            'level=error msg="connection refused to db <num>" user=<str> errno=111',
        ),
    ],
)
def test_structured_lines_keep_their_keys_and_the_words_of_their_message(line: str, pattern: str) -> None:
    assert Masker().mask(line) == pattern


@settings(max_examples=400, deadline=None)
@given(message=_LOGLIKE | _WORDLIKE | st.text())
def test_a_pattern_is_its_own_pattern(message: str) -> None:
    pattern = Masker().mask(message)

    assert Masker().mask(pattern) == pattern


@settings(max_examples=200, deadline=None)
@given(messages=st.lists(_LOGLIKE | _WORDLIKE, max_size=6))
def test_what_was_masked_before_changes_nothing(messages: list[str]) -> None:
    shared, tiny = Masker(), Masker(capacity=500)

    patterns = shared.mask_many(messages * 2)

    assert patterns == [Masker().mask(message) for message in messages] * 2
    assert patterns == tiny.mask_many(messages * 2)


@pytest.mark.parametrize("digits", ["1234567890", "0987654321", "5555555555"])
def test_patterns_do_not_depend_on_which_digits_stand_there(digits: str) -> None:
    masker = Masker()

    assert masker.mask(f"at {digits} x{digits}y") == masker.mask("at 1111111111 x1111111111y")


@pytest.mark.parametrize(
    "unit",
    _REPEATED.split("|"),
)
def test_no_message_is_slow_or_gives_a_long_pattern(unit: str) -> None:
    message = (unit * _LONGEST_MESSAGE)[:_LONGEST_MESSAGE]

    started = time.process_time()
    pattern = Masker().mask(message)
    segments = align(pattern, message)
    seconds = time.process_time() - started

    assert seconds < _SLOWEST_SECONDS
    assert len(pattern) <= PATTERN_CHARS
    assert pattern.endswith("<cut>")
    assert Masker().mask(pattern) == pattern
    assert "".join(segment.text for segment in segments) == message
    assert "".join(segment.token for segment in segments) == pattern


def test_messages_that_differ_only_beyond_the_cut_share_a_pattern() -> None:
    start = "word " * (MESSAGE_CHARS // 5)

    assert Masker().mask(start + "end one") == Masker().mask(start + "another end")


def test_memory_is_bounded_when_all_tokens_are_distinct() -> None:
    masker = Masker(capacity=50_000)

    masker.mask_many(f"word{'x' * (n % 50)}q{n} /p/{n:x}" for n in range(5_000))

    assert len(masker._tokens) + len(masker._tokens._shapes) + len(masker._patterns) < 1_000


def test_a_pattern_hash_has_16_bytes_and_tells_patterns_apart() -> None:
    assert len(pattern_hash("a <num>")) == 16
    assert pattern_hash("a <num>") == pattern_hash("a <num>") != pattern_hash("a <str>")


def test_alignment_shows_the_text_under_each_mask() -> None:
    message = "Jun  3 15:42:50 host app[7]: sent 1.5 MB to 'a to b' in 00:01:12 (10.0.0.1:80)"

    segments = align(Masker().mask(message), message)

    under = [(segment.token, segment.text) for segment in segments if segment.token in PLACEHOLDERS]
    assert under == [
        ("<time>", "Jun  3 15:42:50"),
        ("<num>", "7"),
        ("<size>", "1.5 MB"),
        ("<str>", "'a to b'"),
        ("<time>", "00:01:12"),
        ("<ip>", "10.0.0.1:80"),
    ]


@settings(max_examples=300, deadline=None)
@given(message=_LOGLIKE | _WORDLIKE)
def test_alignment_gives_back_the_message_and_the_pattern(message: str) -> None:
    pattern = Masker().mask(message)

    segments = align(pattern, message)

    assert "".join(segment.text for segment in segments) == message
    assert "".join(segment.token for segment in segments) == pattern


def test_a_message_that_the_pattern_does_not_fit_is_one_segment() -> None:
    segments = align("took <num> ms", "something else")

    assert [segment.text for segment in segments] == ["something else"]
