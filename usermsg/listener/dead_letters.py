# SPDX-License-Identifier: Apache-2.0
"""Content of dead letters, without secrets.

A notification is stored as a JSON object of its six attributes and of the ids
in its context, and so is another JSON object, in an envelope. Anything else is
stored as text: its beginning, up to the first sign of a request context.
"""

import datetime
import hashlib
import json
import re

from oslo_utils import strutils

from usermsg.db import clock
from usermsg.db import models
from usermsg.listener import envelope
from usermsg.listener import notification as notifications
from usermsg.notifications.drivers.rabbit import received_message
from usermsg.objects import ids
from usermsg import text
from usermsg import validation

#: Maximum length of a stored body, in characters; the text is ASCII.
MAX_LENGTH = 64 * 1024

#: Maximum length of a body that isn't JSON: it has no attributes whose names
#: show what is secret, so only its beginning is stored.
_MAX_TEXT = 1024

_CONTEXT_PREFIX = '_context_'

#: Attributes of a request context that rules read. They are ids, while others
#: can be passwords and tokens.
CONTEXT = ('request_id', 'global_request_id', 'project_id', 'tenant',
           'tenant_id', 'user_id', 'user', 'user_identity')

# Secrets in texts that strutils doesn't recognize: in URLs before the host and
# in the query, in options of commands, in assignments, and in headers.
# Repetitions are bounded, so that the time is linear.
_SECRETS = re.compile(
    r'(://)(?:(?!://)[^\s@"\'<>]){1,300}(?=@)|'
    r'([?&;][\w.-]{0,40}(?:sig|token|password|secret|key|credential)'
    r'[\w.-]{0,20}=)[^&\s"\'<>]+|'
    r'((?<![\w-])--[\w-]{0,40}(?:password|passwd|secret|token)[=\s]{1,5})'
    r'[^\s"\'<>]+|'
    r'((?<![\w-])[\w.-]{0,40}(?:passw(?:or)?d|adminpass|secret|token|'
    r'credential|access_?key|api_?key)[\w.-]{0,20}["\']?\s{0,3}[=:]\s{0,3}'
    r'["\']?)[^\s"\'<>&,;*]+|'
    r'(\b(?:bearer|basic)\s{1,5}|\bx-(?:[a-z]{1,15}-){0,3}token\W{1,5})'
    r'[\w+/=.~-]{8,}', re.IGNORECASE | re.ASCII)

# A context in any envelope, escaped or not. A match begins at the first
# backslash of several, so that the time is linear, as that of the other.
_CONTEXT_BEGIN = re.compile(r'_context_|(?<!\\)\\*"context\\*"')

# Backslashes before quotation marks, as in JSON that is a text in JSON.
_ESCAPES = re.compile(r'(?<!\\)\\+(?=["\'])')


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
              redact(received.body, received.compression))[:MAX_LENGTH],
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
    name = name.lower().replace('-', '').replace('_', '')
    return any(part in name for part in (
        'password', 'passwd', 'passphrase', 'adminpass', 'pwd', 'secret',
        'token', 'credential', 'creds', 'privatekey', 'accesskey', 'apikey',
        'signature', 'keyring', 'userdata'))


def redact(body, compression):
    """Return a body without secrets, an ASCII text.

    :param body: bytes or text
    :param compression: kombu's name of the compression, or None
    """
    try:
        content, context = received_message.unwrap(
            body, compression, envelope.MAX_SIZE)
    except received_message.Malformed:
        return _redact_text(body)
    context = {**context, **{
        name.removeprefix(_CONTEXT_PREFIX): value
        for name, value in content.items()
        if name.startswith(_CONTEXT_PREFIX)}}
    return json.dumps({
        'oslo.version': '2.0', 'oslo.message': json.dumps({
            **{name: mask(content[name])
               for name in (*received_message.ATTRIBUTES, '_unique_id')
               if name in content},
            **{f'{_CONTEXT_PREFIX}{name}': value for name, value
               in keep_ids(context).items()}})})


def _redact_text(body):
    """Return the beginning of a body that isn't a JSON object."""
    if isinstance(body, bytes):
        body = body[:_MAX_TEXT].decode('ascii', 'backslashreplace')
    if not isinstance(body, str):
        return ''
    body = _ESCAPES.sub('', ascii(body[:_MAX_TEXT])[1:-1])
    context = _CONTEXT_BEGIN.search(body)
    if context:
        body = body[:context.start()]
    return _mask_text(body)


def _digest(body):
    return hashlib.sha256(
        body.encode('utf-8', 'surrogatepass') if isinstance(body, str) else
        body).hexdigest()
