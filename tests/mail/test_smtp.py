"""The dialogue with a real server that fails at every step: what is known of each recipient."""

import logging
import ssl
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from insights_lib.errors import MailError, ParameterError, ReportError
from insights_lib.mail.login import Login, read_login
from insights_lib.mail.smtp import Answer, Connection, Offer
from insights_lib.parameters.recipients_yml import SmtpServer
from insights_lib.parameters.validation import validated
from tests.support.smtp_server import (
    DRIP,
    DROP,
    ENDLESS,
    FLOOD,
    HANG,
    HOST,
    LOGIN,
    SLOW,
    STEPS,
    TAKE_AND_DROP,
    MailServer,
    authority,
    ca_file,
    mail_server,
    settings,
)

SENDER = "reports@example.com"
ANNA, BERT, CARL = "anna@example.com", "bert@example.com", "carl@example.com"
LARGE = b"x" * 76 + b"\r\n"


class Message:
    """One message and what became of it."""

    def __init__(self, connection: Connection, data: bytes = b"", *recipients: str) -> None:
        self.accepted: list[tuple[str, ...]] = []
        to = recipients or (ANNA, BERT)
        data = data or b"Message-ID: <m@x>\r\n\r\nHello\r\n"
        self.answers = connection.deliver(Offer(SENDER, to, data, before_dot=self.accepted.append))
        self.outcomes = [self.answers[recipient].outcome for recipient in to]


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as started:
        yield started


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    return ca_file(tmp_path)


@pytest.fixture
def connect(ca: Path) -> Iterator[Callable[..., Connection]]:
    """A function that makes a connection to a server."""
    opened: list[Connection] = []

    def made(server: MailServer, login: Login | None = LOGIN, **others: Any) -> Connection:
        opened.append(Connection(settings(server, ca, **others), login))
        return opened[-1]

    yield made
    for connection in opened:
        connection.__exit__()


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_many_messages_go_over_one_encrypted_connection_after_one_login(
    security: str, connect: Callable[..., Connection]
) -> None:
    with mail_server(security) as server, connect(server, security=security) as connection:
        for _ in range(3):
            message = Message(connection)
            assert message.answers == dict.fromkeys((ANNA, BERT), Answer("sent", "250 2.0.0 taken"))
            assert message.accepted == [(ANNA, BERT)]
    assert [(one.sender, one.recipients) for one in server.received] == [(SENDER, (ANNA, BERT))] * 3
    assert (server.count("greeting"), server.count("AUTH")) == (1, 1)
    assert connection.failures == 0


def test_a_message_arrives_as_it_is_but_for_its_line_ends(
    server: MailServer, connect: Callable[..., Connection]
) -> None:
    text = b"Message-ID: <m@x>\n\n.\n..\r\n.dot\r\rRCPT TO:<eve@example.com>\n"
    message = Message(connect(server), text + b"\n.\nMAIL FROM:<eve@example.com>" + LARGE * 3000)
    assert message.outcomes == ["sent", "sent"]
    (received,) = server.received
    expected = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    assert received.content == expected + b"\r\n.\r\nMAIL FROM:<eve@example.com>" + LARGE * 3000


def test_the_dot_comes_after_it_was_noted_and_never_if_that_fails(
    server: MailServer, connect: Callable[..., Connection]
) -> None:
    connection = connect(server)

    def fails(_accepted: tuple[str, ...]) -> None:
        assert server.count("body") == 1
        assert server.count("dot") == 0
        raise OSError("the ledger cannot be written")

    with pytest.raises(OSError, match="the ledger cannot be written"):
        connection.deliver(Offer(SENDER, (ANNA,), b"Message-ID: <m@x>\r\n\r\n", before_dot=fails))
    assert connection._smtp is None, "what comes next would be part of the message"
    assert Message(connection).outcomes == ["sent", "sent"]
    assert server.count("dot") == 1
    assert len(server.received) == 1


# Each step, how it fails, what the two recipients get, and how many connections are made until
# the next message is through.
FAILURES = [
    *((step, "421 4.3.2 closing", "later", 2) for step in ("MAIL", "RCPT", "DATA", "dot")),
    *((step, "421 4.3.2 closing", "later", 2) for step in ("greeting", "EHLO", "STARTTLS", "AUTH")),
    *((step, "451 4.3.0 try again", "later", 1) for step in ("MAIL", "RCPT", "DATA", "dot")),
    ("greeting", "450 4.3.2 busy", "later", 2),
    ("AUTH", "454 4.7.0 not now", "later", 2),
    *((step, "452 4.3.1 disk full", "later", 1) for step in ("MAIL", "DATA", "dot")),
    *((step, "550 5.7.1 no", "refused", 1) for step in ("RCPT", "DATA", "dot")),
    ("MAIL", "552 5.3.4 too big", "refused", 1),
    ("dot", "552 5.3.4 too big", "refused", 1),
    *((step, DROP, "later", 2) for step in STEPS[:-2]),
    ("dot", DROP, "uncertain", 2),
    ("dot", TAKE_AND_DROP, "uncertain", 2),
    ("DATA", "hello, this is no answer", "later", 2),
    ("dot", "hello, this is no answer", "uncertain", 2),
    ("dot", "354 go on", "uncertain", 2),
]


@pytest.mark.parametrize(("step", "verdict", "outcome", "connections"), FAILURES)
def test_a_step_that_fails_settles_the_message_and_the_next_one_goes(
    step: str,
    verdict: str,
    outcome: str,
    connections: int,
    server: MailServer,
    connect: Callable[..., Connection],
) -> None:
    connection = connect(server)
    server.fails(step, verdict)
    message = Message(connection)
    assert message.outcomes == [outcome, outcome]
    if verdict[0] in "45" and step != "AUTH":  # whose words are kept back
        assert {answer.reason for answer in message.answers.values()} == {verdict}
    assert len(message.accepted) == (step == "dot")
    assert len(server.received) == (verdict == TAKE_AND_DROP)
    assert connection.failures == connections - 1
    server.works()
    assert Message(connection).outcomes == ["sent", "sent"]
    assert server.count("greeting") == connections
    assert connection.failures == 0


@pytest.mark.parametrize("step", STEPS[:-2])
def test_a_server_that_hangs_before_the_dot_is_left_after_the_timeout(
    step: str, server: MailServer, connect: Callable[..., Connection]
) -> None:
    server.fails(step, HANG)
    began = time.monotonic()
    message = Message(connect(server, timeout_seconds=0.3))
    assert time.monotonic() - began < 2
    assert message.outcomes == ["later", "later"]
    assert message.accepted == []


def test_a_server_that_hangs_after_the_dot_leaves_it_uncertain(
    server: MailServer, connect: Callable[..., Connection]
) -> None:
    server.fails("dot", HANG)
    message = Message(connect(server, timeout_seconds=0.3))
    assert message.outcomes == ["uncertain", "uncertain"]
    assert "timed out" in message.answers[ANNA].reason


@pytest.mark.parametrize("step", ["greeting", "EHLO", "AUTH", "MAIL"])
def test_a_server_that_drips_is_left_after_ten_timeouts(
    step: str, server: MailServer, connect: Callable[..., Connection]
) -> None:
    server.fails(step, DRIP)
    began = time.monotonic()
    message = Message(connect(server, timeout_seconds=0.1))
    assert 0.9 < time.monotonic() - began < 3
    assert message.outcomes == ["later", "later"]


@pytest.mark.parametrize("then", ["greeting", "EHLO", "RSET"])
def test_the_time_of_a_message_is_the_same_over_two_connections(
    then: str, server: MailServer, connect: Callable[..., Connection]
) -> None:
    """The server drips at RSET of an open connection, and at a step of the next one."""
    connection = connect(server, timeout_seconds=0.1)
    assert Message(connection).outcomes == ["sent", "sent"]
    server.fault = lambda step, _argument: DRIP if step in {"RSET", then} else ""
    began = time.monotonic()
    assert Message(connection).outcomes == ["later", "later"]
    assert time.monotonic() - began < 2
    server.works()
    assert Message(connection).outcomes == ["sent", "sent"]


@pytest.mark.parametrize("step", ["greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RSET", "dot"])
@pytest.mark.parametrize("verdict", [FLOOD, ENDLESS])
def test_a_reply_without_an_end_is_not_read_to_its_end(
    verdict: str, step: str, server: MailServer, connect: Callable[..., Connection]
) -> None:
    connection = connect(server, timeout_seconds=30)
    if step == "RSET":
        Message(connection)
    server.fails(step, verdict)
    began = time.monotonic()
    tracemalloc.start()
    outcome = {"RSET": "sent", "dot": "uncertain"}.get(step, "later")
    assert Message(connection).outcomes == [outcome, outcome]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.monotonic() - began < 10
    assert most < 5_000_000


def test_a_long_reply_is_read_as_it_is(
    server: MailServer, connect: Callable[..., Connection]
) -> None:
    lines = [f"250-{number} {'x' * 100}" for number in range(90)]
    server.fails("MAIL", "\r\n".join([*lines, "250 and the last"]))
    smtp = connect(server)._ready(time.monotonic() + 60)
    reply = smtp.docmd("MAIL", "FROM:<a@x>")
    assert reply == (250, "\n".join([line[4:] for line in lines] + ["and the last"]).encode())


def test_what_is_said_before_tls_is_not_taken_for_something_said_in_it(
    server: MailServer, connect: Callable[..., Connection]
) -> None:
    server.fails("STARTTLS", "220 go on\r\n250-AUTH PLAIN\r\n250 SIZE 1")
    with pytest.raises(MailError, match="does not speak TLS"):
        Message(connect(server))
    assert {step for step, _ in server.steps} == {"greeting", "EHLO", "STARTTLS"}


def test_starttls_on_a_port_for_tls_is_told_before_the_timeout(
    connect: Callable[..., Connection],
) -> None:
    for certificate in (None, CERTIFICATES["certificate has expired"]()):
        with mail_server("tls", certificate) as server:
            began = time.monotonic()
            with pytest.raises(MailError, match=r"speaks TLS from the first byte.*`security: tls`"):
                Message(connect(server, timeout_seconds=2.0))
            assert time.monotonic() - began < 2
            assert "EHLO" not in {step for step, _ in server.steps}


def test_a_server_that_is_slow_to_greet_is_waited_for(
    server: MailServer, connect: Callable[..., Connection]
) -> None:
    """Also one that does not speak at all on the connection that asks for TLS meanwhile."""
    server.fault = lambda step, _: (
        SLOW if step == "greeting" and server.count("greeting") == 1 else ""
    )
    assert Message(connect(server, timeout_seconds=1.0)).outcomes == ["sent", "sent"]


@pytest.mark.parametrize("verdict", [DROP, HANG])
def test_a_server_that_dies_amid_the_data_has_not_got_the_message(
    verdict: str, server: MailServer, connect: Callable[..., Connection]
) -> None:
    server.fails("body", verdict)
    data = b"Message-ID: <m@x>\r\n\r\n" + LARGE * 200_000  # more than any buffer on the way holds
    message = Message(connect(server, timeout_seconds=1.0), data)
    assert message.outcomes == ["later", "later"]
    assert message.accepted == []


def test_one_refused_recipient_does_not_keep_the_others_from_the_message(
    server: MailServer, connect: Callable[..., Connection]
) -> None:
    server.fails("RCPT", f"550 5.1.1 <{BERT}>:\x07 unknown", on=BERT)
    message = Message(connect(server), b"", ANNA, BERT, CARL)
    assert message.answers == {
        ANNA: Answer("sent", "250 2.0.0 taken"),
        BERT: Answer("refused", "550 5.1.1 <…>: unknown"),
        CARL: Answer("sent", "250 2.0.0 taken"),
    }
    assert message.accepted == [(ANNA, CARL)]
    assert [one.recipients for one in server.received] == [(ANNA, CARL)]


def test_the_refused_stay_refused_whatever_becomes_of_the_others(
    server: MailServer, connect: Callable[..., Connection]
) -> None:
    replies = {"RCPT": "550 no", "dot": DROP}
    server.fault = lambda step, on: replies.get(step, "") if step == "dot" or BERT in on else ""
    assert Message(connect(server)).outcomes == ["uncertain", "refused"]
    replies["dot"] = "451 later"
    assert Message(connect(server)).outcomes == ["later", "refused"]


def test_a_message_larger_than_the_server_takes_is_refused_before_it_is_sent(
    connect: Callable[..., Connection],
) -> None:
    with mail_server(data_size_limit=2000) as server, connect(server) as connection:
        message = Message(connection, LARGE * 26)
        assert message.outcomes == ["refused", "refused"]
        reason = "the message has 2,028 bytes, and the server takes 2,000 at most"
        assert message.answers[ANNA].reason == reason
        assert server.count("MAIL") == 0
        assert Message(connection, b"Message-ID: <m@x>\r\n\r\n" + LARGE * 20).outcomes[0] == "sent"
        assert ("MAIL", f"FROM:<{SENDER}> SIZE=1581") in server.steps


def test_a_connection_that_the_server_has_closed_meanwhile_is_made_again(
    connect: Callable[..., Connection],
) -> None:
    with mail_server(timeout=0.2) as server:
        connection = connect(server)
        assert Message(connection).outcomes == ["sent", "sent"]
        smtp = connection._smtp
        assert smtp is not None
        assert smtp.sock is not None
        smtp.sock.recv(1)  # until it is closed
        assert Message(connection).outcomes == ["sent", "sent"]
        assert server.count("greeting") == 2


def test_a_server_that_is_not_there_is_for_later(ca: Path) -> None:
    with mail_server() as server:
        pass
    with Connection(settings(server, ca), LOGIN) as connection:
        message = Message(connection)
        assert message.outcomes == ["later", "later"]
        assert "refused" in message.answers[ANNA].reason
        Message(connection)
        assert connection.failures == 2


CERTIFICATES = {
    "unable to get local issuer": lambda: authority("another").issue_cert(HOST),
    "IP address mismatch": lambda: authority().issue_cert("mail.example.org"),
    "certificate has expired": lambda: authority().issue_cert(
        HOST,
        not_before=datetime(2020, 1, 1, tzinfo=UTC),
        not_after=datetime(2021, 1, 1, tzinfo=UTC),
    ),
}


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("reason", CERTIFICATES)
def test_nothing_is_said_to_a_server_whose_certificate_is_not_trusted(
    reason: str, security: str, connect: Callable[..., Connection]
) -> None:
    with (
        mail_server(security, CERTIFICATES[reason]()) as server,
        connect(server, security=security) as connection,
    ):
        for _ in range(2):
            with pytest.raises(MailError, match=f"certificate is not trusted .*{reason}"):
                Message(connection)
        assert not {"AUTH", "MAIL"} & {step for step, _ in server.steps}


def test_the_authorities_of_the_system_do_not_know_a_private_one(server: MailServer) -> None:
    plain = SmtpServer(host=HOST, port=server.port, security="starttls")
    with Connection(plain, LOGIN) as connection, pytest.raises(MailError, match="ca_file name"):
        Message(connection)


def test_nothing_is_said_to_a_server_that_does_not_encrypt(
    connect: Callable[..., Connection],
) -> None:
    with mail_server("none") as server:
        with pytest.raises(MailError, match="offers no STARTTLS, and nothing is sent unencrypted"):
            Message(connect(server))
        with pytest.raises(
            MailError, match=r"not speak TLS here.*`security: starttls` is usual on port 587"
        ):
            Message(connect(server, security="tls"))
        assert not {"AUTH", "MAIL"} & {step for step, _ in server.steps}


def test_a_refused_login_is_told_without_the_password(
    server: MailServer, connect: Callable[..., Connection], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="insights_lib")
    secret = "s3cret-phrase"  # noqa: S105 - of a user who is not there
    server.fails("AUTH", f"535 5.7.8 {secret} is wrong")
    login = Login("reports", secret)
    with pytest.raises(
        MailError, match=r"answers 535 to the login.*INSIGHTS_SMTP_PASSWORD"
    ) as told:
        Message(connect(server, login))
    assert told.value.__suppress_context__
    server.fails("AUTH", f"454 4.7.0 {secret} not now")
    answers = Message(connect(server, login)).answers
    assert answers[ANNA] == Answer("later", "the server answers 454 to the login")
    server.works()
    with pytest.raises(MailError, match="answers 535 to the login"):
        Message(connect(server, login))
    assert server.count("MAIL") == 0
    assert secret not in f"{login!r} {told.value!r} {caplog.text}"


def test_a_server_without_a_login_is_told(connect: Callable[..., Connection]) -> None:
    without = ["LOGIN", "PLAIN"]
    with (
        mail_server(auth_exclude_mechanism=without) as server,
        pytest.raises(MailError, match="offers no login with a password; set `login: false`"),
    ):
        Message(connect(server))


def test_a_server_that_asks_for_a_login_in_no_known_way_is_told(
    server: MailServer, connect: Callable[..., Connection]
) -> None:
    server.fails("AUTH", "334 a")  # is no base64
    with pytest.raises(MailError, match="offers no login with a password"):
        Message(connect(server))


def test_without_a_login_a_server_that_wants_one_is_told(
    connect: Callable[..., Connection],
) -> None:
    with mail_server(auth_required=True) as server:
        words = r"no mail from this sender \(530 .*see that sender and login are right"
        with pytest.raises(MailError, match=words):
            Message(connect(server, None))
        assert Message(connect(server)).outcomes == ["sent", "sent"]


def test_a_server_that_wants_a_login_refuses_no_recipient(
    server: MailServer, connect: Callable[..., Connection]
) -> None:
    server.fails("MAIL", "530 5.7.0 authentication required")
    with pytest.raises(MailError, match=r"from this sender \(530 5\.7\.0 authentication required"):
        Message(connect(server))
    server.works()
    assert Message(connect(server)).outcomes == ["sent", "sent"]


# How servers refuse a sender, a login or a network, and at which step.
NOT_OURS = [
    ("MAIL", "550 5.7.1 not this one"),
    ("RCPT", f"553 5.7.1 <{SENDER}>: Sender address rejected: not owned by user me"),
    ("RCPT", f"554 5.7.1 <{ANNA}>: Relay access denied"),
    ("RCPT", f"454 4.7.1 <{ANNA}>: Relay access denied"),
    ("RCPT", "554 5.7.1 <host[192.0.2.1]>: Client host rejected: Access denied"),
    ("RCPT", "550 relay not permitted"),
    ("RCPT", "550 5.7.1 Unable to relay"),
    ("RCPT", "550 5.7.1 Relaying denied. Proper authentication required."),
    ("dot", "550 5.7.60 SMTP; Client does not have permissions to send as this sender"),
    ("dot", "554 5.2.252 SendAsDenied; reports not allowed to send as boss"),
]
# What servers say of a recipient or a message, in words that are close to those.
OF_RECIPIENTS = [
    ("MAIL", "552 5.3.4 Message size exceeds fixed limit", "refused"),
    ("RCPT", f"550 5.7.1 <{ANNA}>: Recipient address rejected: Access denied", "refused"),
    ("RCPT", "550 5.1.1 User unknown", "refused"),
    ("RCPT", "450 4.7.1 Client host rejected: cannot find your hostname", "later"),
    ("RCPT", "451 4.7.1 Greylisting in action, please come back later", "later"),
    ("dot", "554 5.7.1 Message rejected as spam", "refused"),
]


@pytest.mark.parametrize(("step", "words"), NOT_OURS)
def test_a_refusal_of_sender_or_login_is_not_one_of_the_recipient(
    step: str, words: str, server: MailServer, connect: Callable[..., Connection]
) -> None:
    connection = connect(server)
    server.fails(step, words)
    assert Message(connection).outcomes == ["not ours", "not ours"]
    server.works()
    assert Message(connection).outcomes == ["sent", "sent"]


@pytest.mark.parametrize(("step", "words", "outcome"), OF_RECIPIENTS)
def test_a_refusal_of_a_recipient_is_not_one_of_the_sender(
    step: str, words: str, outcome: str, server: MailServer, connect: Callable[..., Connection]
) -> None:
    server.fails(step, words)
    assert Message(connect(server)).outcomes == [outcome, outcome]


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "dot"])
@pytest.mark.parametrize("code", [530, 534, 535, 538])
def test_a_server_that_wants_a_login_refuses_nobody(
    step: str, code: int, server: MailServer, connect: Callable[..., Connection]
) -> None:
    server.fails(step, f"{code} 5.7.0 no")
    with pytest.raises(MailError, match=rf"\({code} 5\.7\.0 no\).*`login` is not false"):
        Message(connect(server))


@pytest.mark.parametrize("step", ["RSET", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("verdict", ["421 4.7.0 too many messages in this connection", DROP])
def test_a_connection_that_ends_with_the_next_message_is_made_again_at_once(
    verdict: str, step: str, server: MailServer, connect: Callable[..., Connection]
) -> None:
    connection = connect(server)
    assert Message(connection).outcomes == ["sent", "sent"]

    def fault(name: str, _argument: str) -> str:
        return verdict if name == step and server.count("greeting") == 1 else ""

    server.fault = fault
    message = Message(connection)
    assert message.outcomes == ["sent", "sent"]
    assert message.accepted == [(ANNA, BERT)]
    assert server.count("greeting") == 2
    assert len(server.received) == 2
    assert connection.failures == 0


def test_a_new_connection_that_ends_at_once_is_for_later(
    server: MailServer, connect: Callable[..., Connection]
) -> None:
    connection = connect(server)
    Message(connection)
    server.fails("MAIL", "421 4.7.0 too many connections")
    assert Message(connection).outcomes == ["later", "later"]
    assert server.count("greeting") == 2
    assert Message(connection).outcomes == ["later", "later"]
    assert server.count("greeting") == 3


@pytest.mark.parametrize("verdict", ["421 4.3.2 closing", DROP, TAKE_AND_DROP])
def test_what_ends_at_the_dot_is_not_offered_again_by_itself(
    verdict: str, server: MailServer, connect: Callable[..., Connection]
) -> None:
    connection = connect(server)
    Message(connection)
    server.fails("dot", verdict)
    outcome = "later" if verdict.startswith("4") else "uncertain"
    assert Message(connection).outcomes == [outcome, outcome]
    assert server.count("dot") == 2


def test_what_must_not_be_sent_any_more_is_seen_before_a_byte_of_it_is_told(
    server: MailServer, connect: Callable[..., Connection]
) -> None:
    connection = connect(server)

    def forgotten() -> None:
        assert (server.count("RCPT"), server.count("DATA")) == (1, 0)
        raise ReportError("it is gone")

    offer = Offer(SENDER, (ANNA,), b"Message-ID: <m@x>\r\n\r\n", before_data=forgotten)
    with pytest.raises(ReportError, match="it is gone"):
        connection.deliver(offer)
    assert server.count("DATA") == 0
    assert Message(connection).outcomes == ["sent", "sent"]


@pytest.mark.parametrize("step", ["greeting", "STARTTLS"])
def test_a_server_that_refuses_the_connection_refuses_no_recipient(
    step: str, server: MailServer, connect: Callable[..., Connection]
) -> None:
    server.fails(step, "554 5.7.1 your network is blocked")
    with pytest.raises(MailError, match=r"refuses the connection \(554 5\.7\.1 your network"):
        Message(connect(server))


@pytest.mark.parametrize(
    "address",
    [
        "a@x\r\nRCPT TO:<eve@x>",
        "a@x\nDATA",
        "a@x\r",
        "a@x\0",
        "a@x> SIZE=1",
        "<a@x",
        "a b@x",
        "å@x",
        "a@x\u2028b",
        "a",
        "",
        "a@",
    ],
)
def test_an_address_cannot_bring_a_command_along(
    address: str, server: MailServer, connect: Callable[..., Connection]
) -> None:
    connection = connect(server)
    for offer in (Offer(SENDER, (ANNA, address), b""), Offer(address, (ANNA,), b"")):
        with pytest.raises(ParameterError, match="is not an address that mail can be sent to"):
            connection.deliver(offer)
    assert server.steps == []


def test_a_login_comes_from_the_environment_or_a_file_named_there(tmp_path: Path) -> None:
    file = tmp_path / "login"
    file.write_bytes(b"me\r\n p:w \r\n")
    named = {"INSIGHTS_SMTP_LOGIN_FILE": str(file)}
    assert read_login(named) == Login("me", " p:w ")
    given = {"INSIGHTS_SMTP_USER": "you", "INSIGHTS_SMTP_PASSWORD": "pw"}
    assert read_login(given) == Login("you", "pw")
    assert read_login({**named, **given}) == Login("you", "pw")
    assert "p:w" not in repr(read_login(named))


@pytest.mark.parametrize(
    ("environ", "content", "told"),
    [
        ({}, b"", "no login to the mail server is given"),
        ({"INSIGHTS_SMTP_USER": "me"}, b"", "no login to the mail server is given"),
        ({"INSIGHTS_SMTP_USER": "me", "INSIGHTS_SMTP_PASSWORD": "pw-å"}, b"", "printable ASCII"),
        (None, b"", "no login to the mail server is given"),
        (None, b"me", "each on a line of its own"),
        (None, b"me\npw\nmore", "each on a line of its own"),
        (None, b"me\n\xe5pw", "printable ASCII"),
        (None, b"me\n\xffpw", "printable ASCII"),
        (None, None, r"login: cannot be read \(No such file"),
    ],
)
def test_a_login_that_is_missing_or_wrong_is_told_in_a_sentence(
    environ: dict[str, str] | None, content: bytes | None, told: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "login").write_bytes(content)
    if environ is None:
        environ = {"INSIGHTS_SMTP_LOGIN_FILE": str(tmp_path / "login")}
    with pytest.raises(MailError, match=told) as raised:
        read_login(environ)
    assert "pw" not in str(raised.value)


def test_a_server_is_read_from_plain_values(tmp_path: Path) -> None:
    given = {"host": "mail.example.com", "port": 587, "security": "starttls", "ca_file": "ca.pem"}
    server = validated(SmtpServer, given, "send.yml")
    assert (server.ca_file, server.timeout_seconds) == (Path("ca.pem"), 30)
    assert (server.messages_per_minute, server.login) == (60, True)
    for name, wrong in {"security": "none", "port": 0, "host": "a..b", "password": "pw"}.items():
        with pytest.raises(ParameterError, match=name):
            validated(SmtpServer, {**given, name: wrong}, "send.yml")
    for content in (None, b"no certificate"):
        if content:
            (tmp_path / "ca.pem").write_bytes(content)
        there = server.model_copy(update={"ca_file": tmp_path / "ca.pem"})
        with pytest.raises(MailError, match=r"ca\.pem: holds no certificates that can be read"):
            Connection(there, None)


def test_certificates_and_names_are_checked_by_a_current_tls(
    server: MailServer, connect: Callable[..., Connection]
) -> None:
    context = connect(server)._context
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
