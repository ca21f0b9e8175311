"""Mail, by an SMTP server with STARTTLS and a login."""

from __future__ import annotations

import logging
import smtplib
import ssl
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as INTERNET
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from torn_pipeline.alerts.channels.posting import TIMEOUT, said
from torn_pipeline.alerts.channels.texts import about, clipped, label, lines_of, one_line
from torn_pipeline.errors import ChannelRefused, ChannelUnavailable, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torn_pipeline.alerts.message import Message
    from torn_pipeline.config.channels import EmailChannel

    _Answers = Mapping[str, tuple[int, bytes]]

__all__ = ["Email"]

_log = logging.getLogger(__name__)

_SUBJECT = 200  # characters
_LARGEST_PAGE = 1_000_000  # bytes; base64 makes a third more of them
_UNFOLDED = INTERNET.clone(max_line_length=998)  # folded shorter, some subjects would begin with an empty line
_PERMANENT = 500  # a reply from here on says that trying again changes nothing


class Email:
    """Sends each message as text and as HTML; those of an incident are one thread.

    A message that is sent again has the ``Message-ID`` it had, by which many mailboxes show it once.
    """

    is_idempotent = False

    def __init__(self, channel: EmailChannel, secret: str) -> None:
        if not secret.isascii():
            message = f"{channel.secret_variable} holds more than ASCII, which no SMTP login can carry: give the account another password"
            raise ConfigError(message)
        self.name = channel.name
        self._channel = channel
        self._password = secret

    def send(self, message: Message) -> None:
        """Hand it to the server for all recipients. One that is refused is logged where others are not, as those have the mail.

        Raises:
            ChannelRefused: the login or every recipient is refused, or the server has no STARTTLS.
            ChannelUnavailable: the server, or the way to it, is in trouble; nobody is known to have the mail.
        """
        try:
            refused = self._hand_over(_mail(message, self._channel))
        except OSError as error:  # as are all of smtplib's
            raise self._meaning(error) from None
        if refused:
            _log.error("%s", self._sentence(f"sent the mail, but not to {self._answers(refused)}: check `to`"))

    def _hand_over(self, mail: EmailMessage) -> _Answers:
        """What the server answered for those recipients that it refused."""
        with _session(self._channel) as server:
            if self._channel.starttls:
                server.starttls(context=ssl.create_default_context())
            if self._channel.user:
                server.login(self._channel.user, self._password)
            return server.send_message(mail)

    def _meaning(self, error: OSError) -> ChannelRefused | ChannelUnavailable:
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            told = f"could send the mail to nobody, not to {self._answers(error.recipients)}"
            may_pass = any(code < _PERMANENT for code, _ in error.recipients.values())
            return self._error(told, "check `to`", may_pass=may_pass)
        if isinstance(error, smtplib.SMTPResponseException):
            at_login = isinstance(error, smtplib.SMTPAuthenticationError)
            hint = f"check `user` and the password in {self._channel.secret_variable}" if at_login else "check `host`, `port` and `from`"
            return self._error(
                f"got the answer {self._answer(error.smtp_code, error.smtp_error)}", hint, may_pass=error.smtp_code < _PERMANENT
            )
        if isinstance(error, smtplib.SMTPException) and not isinstance(error, smtplib.SMTPServerDisconnected):
            offered = "a login that is known here" if self._channel.user and not self._channel.starttls else "STARTTLS and a known login"
            return self._error(f"finds no server that offers {offered}", "check `host` and `port`", may_pass=False)
        return self._error(_trouble(error), "", may_pass=True)

    def _error(self, told: str, hint: str, *, may_pass: bool) -> ChannelRefused | ChannelUnavailable:
        return ChannelUnavailable(self._sentence(told)) if may_pass else ChannelRefused(self._sentence(f"{told}: {hint}"))

    def _sentence(self, told: str) -> str:
        return f"channel {self.name} (email) {told}"

    def _answers(self, answers: _Answers) -> str:
        return ", ".join(f"{address} ({self._answer(code, text)})" for address, (code, text) in answers.items())

    def _answer(self, code: int, text: bytes | str) -> str:
        words = text if isinstance(text, str) else text.decode("utf-8", "replace")
        return f"{code}{said(words, self._password)}"


@contextmanager
def _session(channel: EmailChannel) -> Iterator[smtplib.SMTP]:
    """A connection to the server; how it ends changes nothing about a mail that was taken."""
    with closing(smtplib.SMTP(channel.host, channel.port, timeout=TIMEOUT)) as server:
        yield server
        with suppress(OSError):
            server.quit()


def _mail(message: Message, channel: EmailChannel) -> EmailMessage:
    domain = channel.sender.rpartition("@")[2]
    thread = f"<incident.{quote(message.incident, safe='')}@{domain}>"  # of no mail: all of an incident answer to it
    title, lines = one_line(message.title), lines_of(message)
    foot = f"{about(message)} · {message.at:%Y-%m-%d %H:%M} UTC"
    mail = EmailMessage(policy=INTERNET)
    mail["From"] = channel.sender
    mail["To"] = ", ".join(channel.to)
    mail["Subject"] = clipped(f"[{label(message)}] {title}", _SUBJECT)
    mail["Date"] = datetime.now(UTC)
    mail["Message-ID"] = f"<{quote(message.id, safe='')}@{domain}>"
    mail["In-Reply-To"] = thread
    mail["References"] = thread
    mail["Auto-Submitted"] = "auto-generated"
    text = [title, "", *lines, "", *([one_line(message.link)] if message.link else []), foot]
    mail.set_content("\n".join(text) + "\n", cte="quoted-printable")
    mail.add_alternative(_html(title, lines, message.link, foot), subtype="html", cte="quoted-printable")
    _attach(mail, message.file)
    mail.policy = _UNFOLDED  # of the headers: the text has its lines already
    return mail


def _attach(mail: EmailMessage, file: str) -> None:
    """Take along a page that is small and still there: the text says where it lies."""
    page = Path(file)
    with suppress(OSError):
        if file and page.stat().st_size <= _LARGEST_PAGE:
            mail.add_attachment(page.read_text(encoding="utf-8"), subtype="html", cte="base64", filename=page.name)


def _html(title: str, lines: Sequence[str], link: str, foot: str) -> str:
    rows = "".join(f"<p>{escape(line)}</p>\n" for line in lines)
    address = one_line(link)
    anchor = f'<p><a href="{escape(address)}">{escape(address)}</a></p>\n' if address.startswith(("http://", "https://")) else ""
    return f"<html><body>\n<h3>{escape(title)}</h3>\n{rows}{anchor}<p><small>{escape(foot)}</small></p>\n</body></html>\n"


def _trouble(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"found a certificate that cannot be verified: {error.verify_message}"
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):  # smtplib takes silence for a disconnection
        return f"got no answer within {TIMEOUT:g} s"
    return "cannot reach its server, or was cut off by it"
