"""A mail server on loopback: real SMTP, with STARTTLS and logins, that keeps what it gets."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping
    from email.message import EmailMessage

__all__ = ["Mailbox", "mail_server"]


@dataclass
class Mailbox:
    """What the server answers, and the mails it took with the recipients of their envelopes.

    ``logins`` are the passwords by user; ``refuse`` is what to answer to a recipient, to ``DATA`` and to ``QUIT``. ``used_tls`` says of
    each mail whether it came by TLS, ``logged_in`` who sent it; ``tried`` are the logins that came.
    """

    logins: Mapping[str, str] = field(default_factory=dict)
    refuse: Mapping[str, str] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    used_tls: list[bool] = field(default_factory=list)
    logged_in: list[object] = field(default_factory=list)
    tried: list[tuple[str, str]] = field(default_factory=list)

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: object) -> AuthResult:
        assert isinstance(login, LoginPassword)
        user, password = login.login.decode(), login.password.decode()
        self.tried.append((user, password))
        return AuthResult(success=self.logins.get(user) == password, handled=False, auth_data=user)

    async def handle_RCPT(  # noqa: N802 - the name is aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - likewise
        if "DATA" in self.refuse:
            return self.refuse["DATA"]
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(message_from_bytes(content, policy=policy.default))
        self.recipients.append([*envelope.rcpt_tos])
        self.used_tls.append(session.ssl is not None)
        self.logged_in.append(session.auth_data)
        return "250 OK"

    async def handle_QUIT(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802 - likewise
        return self.refuse.get("QUIT", "221 Bye")


@contextmanager
def mail_server(mailbox: Mailbox, *, tls: ssl.SSLContext | None = None, **options: Any) -> Iterator[int]:  # noqa: ANN401 - aiosmtpd's
    """Serve on a free port of 127.0.0.1 until the block ends; with ``tls`` nothing is taken before STARTTLS and a login."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    if mailbox.logins:
        options |= {"authenticator": mailbox.authenticate, "auth_required": tls is not None, "auth_require_tls": tls is not None}

    def protocol() -> SMTP:
        return SMTP(mailbox, hostname="mail.test", tls_context=tls, require_starttls=tls is not None, loop=loop, **options)

    server = asyncio.run_coroutine_threadsafe(loop.create_server(protocol, "127.0.0.1", 0), loop).result()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
