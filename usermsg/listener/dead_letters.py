# SPDX-License-Identifier: Apache-2.0
"""Content of dead letters, without secrets.

A notification is stored as a JSON object of its six attributes and of the ids
in its context. Anything else is stored as text, up to the first sign of a
request context.
"""

import datetime
import hashlib
import json
import re

from oslo_utils import strutils

from usermsg.db import clock
from usermsg.db import models
from usermsg.listener import notification as notifications
from usermsg.objects import ids
from usermsg import text
from usermsg import validation

#: Maximum length of a stored body, in characters; the text is ASCII.
MAX_LENGTH = 64 * 1024

#: Attributes of a request context that rules read. They are ids, while others
#: can be passwords and tokens.
CONTEXT = ('request_id', 'global_request_id', 'project_id', 'tenant',
           'tenant_id', 'user_id', 'user', 'user_identity')

# Secrets in texts that strutils doesn't recognize: in URLs before the host and
# in the query, in options of commands, and in headers. Repetitions are
# bounded, so that the time is linear.
_SECRETS = re.compile(
    r'(://)(?:(?!://)[^\s@"\'<>]){1,300}(?=@)|'
    r'([?&;][\w.-]{0,40}(?:sig|token|password|secret|key|credential)'
    r'[\w.-]{0,20}=)[^&\s"\'<>]+|'
    r'((?<![\w-])--[\w-]{0,40}(?:password|passwd|secret|token)[=\s]{1,5})'
    r'[^\s"\'<>]+|'
    r'(\b(?:bearer|basic)\s{1,5}|\bx-(?:[a-z]{1,15}-){0,3}token\W{1,5})'
    r'[\w+/=.~-]{8,}', re.IGNORECASE | re.ASCII)

# A context in any envelope, escaped or not.
_CONTEXT_BEGIN = re.compile(r'_context_|\\*"context\\*"')


def build(received, notification, reason, now, ttl):
    """Return the row of a dead letter.

    :param received: a :class:`usermsg.listener.source.Received`
    :param notification: the notification; None if it could not be parsed
    :param reason: a sentence without content of the notification
    :param now: aware datetime
    :param ttl: seconds for which the row is kept
    :returns: a :class:`usermsg.db.models.DeadLetterRow`
    """
    naive = clock.naive(now)
    return models.DeadLetterRow(
        id=ids.mint(now), digest=_digest(received.body),
        transport=received.transport,
        publisher_id=notification and notification.publisher_id,
        event_type=notification and notification.event_type,
        # The name of a class need not be ASCII.
        reason=text.line(ascii(reason)[1:-1], 255),
        body=(_dump(notification) if notification else
              redact_text(received.body))[:MAX_LENGTH],
        received_at=naive,
        expires_at=naive + datetime.timedelta(seconds=ttl))


def load(row):
    """Return the notification of a dead letter.

    :returns: a :class:`usermsg.listener.notification.Notification`; None if
        the message was not a notification, or was too long to be stored
    """
    if row.event_type is None:
        return None
    try:
        values = json.loads(row.body)
    except ValueError:
        return None  # cut
    return notifications.Notification(**{
        **values, 'timestamp': validation.time(
            'timestamp', values['timestamp'])})


def _dump(notification):
    return json.dumps({
        'message_id': notification.message_id,
        'publisher_id': notification.publisher_id,
        'event_type': notification.event_type,
        'priority': notification.priority,
        'timestamp': notification.timestamp.isoformat(),
        'payload': mask(notification.payload),
        'context': keep_ids(notification.context)})


def keep_ids(context):
    """Return the attributes of a request context that are no secrets."""
    return {name: value for name, value in context.items()
            if name in CONTEXT and isinstance(value, str)}


def mask(value):
    """Return a JSON value with passwords, tokens and the like replaced.

    :param value: nested at most
        :data:`usermsg.notifications.drivers.rabbit.received_message.MAX_DEPTH`
        levels deep
    """
    if isinstance(value, dict):
        return {name: '***' if _is_secret(name) else mask(content)
                for name, content in value.items()}
    if isinstance(value, list):
        return [mask(content) for content in value]
    return _mask_text(value) if isinstance(value, str) else value


def _mask_text(value):
    return _SECRETS.sub(
        lambda match: f'{match[match.lastindex]}***',
        strutils.mask_password(value))


def _is_secret(name):
    name = name.lower()
    return any(part in name for part in (
        'password', 'passwd', 'admin_pass', 'adminpass', 'secret', 'token',
        'credential', 'creds', 'passphrase', 'private_key', 'user_data'))


def redact_text(body):
    """Return a body that is no notification as ASCII text, cut.

    :param body: bytes or text
    """
    if isinstance(body, bytes):
        body = body[:2 * MAX_LENGTH].decode('ascii', 'backslashreplace')
    body = ascii(body[:2 * MAX_LENGTH])[1:-1]
    context = _CONTEXT_BEGIN.search(body)
    if context:
        body = body[:context.start()]
    return _mask_text(body[:MAX_LENGTH])


def _digest(body):
    return hashlib.sha256(
        body.encode('utf-8', 'surrogatepass') if isinstance(body, str) else
        body).hexdigest()
