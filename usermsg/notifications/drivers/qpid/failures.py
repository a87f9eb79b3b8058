# SPDX-License-Identifier: Apache-2.0
"""AMQP error conditions and connection errors: causes, texts and logging."""

import re

from oslo_log import log
from oslo_utils import netutils

from usermsg import text

LOG = log.getLogger(__name__)

#: With these conditions a node accepts nothing from this client until an
#: operator has changed the configuration of the server or of the client.
DENIED = frozenset((
    'amqp:unauthorized-access', 'amqp:not-allowed', 'amqp:invalid-field',
    'amqp:not-implemented'))

#: With these conditions a server rejects a message because of its own state,
#: not because of the message; it may accept the message later.
TEMPORARY = frozenset(('amqp:resource-limit-exceeded', 'amqp:internal-error'))

TOO_LARGE = 'amqp:link:message-size-exceeded'

#: With these conditions the message itself is at fault: sending it again does
#: not help.
MESSAGE_AT_FAULT = frozenset((
    TOO_LARGE, 'amqp:decode-error', 'amqp:invalid-field',
    'amqp:not-implemented', 'amqp:precondition-failed'))

# The reason that RabbitMQ adds to a condition when the cause is the state of
# a queue, not the message.
_QUEUE_REASONS = frozenset(('maxlen', 'unavailable'))

#: With these conditions a link, a session or a connection ends regardless of
#: what was sent.
UNRELATED_TO_MESSAGE = TEMPORARY | frozenset((
    None, 'amqp:connection:forced', 'amqp:link:detach-forced',
    'amqp:link:stolen', 'amqp:not-found', 'amqp:resource-deleted',
    # Sent by routers when the connection to their broker is lost.
    'qd:routed-link-lost'))

_MAX_TEXT = 300

# A word with a digit in it is a time, a port or an identifier, which differs
# each time.
_VARYING = re.compile(r'\S*\d\S*')

# Number of different reasons remembered for each subject.
_MAX_REASONS = 10


class ConnectionFailed(Exception):
    """A connection is unusable, or could not be established.

    :param reason: follows the URL of the host and a colon in logs and errors
    """


class _UnreadableCondition:
    name = 'an error that cannot be read'
    description = info = None


def read_condition(source, attribute='remote_condition'):
    """Return the peer's error condition of an endpoint or a disposition.

    Proton raises an exception if a text is not UTF-8, or if a map cannot be
    represented in Python.
    """
    try:
        return getattr(source, attribute)
    except (ValueError, TypeError):
        return _UnreadableCondition()


def describe(condition, default='without a reason'):
    """Return an AMQP condition as one line of limited length."""
    if condition is None or not condition.name:
        return default
    reason = condition.name
    if condition.description:
        reason += f' ({condition.description})'
    return text.line(reason, _MAX_TEXT)


def describe_error(error):
    """Return the text of an exception; of an OSError only its strerror."""
    return getattr(error, 'strerror', None) or str(error)


def explain_transport_error(condition, host, mechanisms, was_open):
    """Return the cause of a connection failure that Proton reports.

    Proton names the effect; an operator needs the cause.

    :param host: a :class:`usermsg.notifications.drivers.host.Host`
    :param mechanisms: the SASL mechanisms that are permitted for the host
    :param was_open: whether the AMQP connection had been opened
    """
    reason = describe(condition)
    if 'certificate verify failed' in reason:
        hint = (' (an IP address must be its common name)'
                if netutils.is_valid_ip(host.name) else '')
        return ("the server's certificate is not trusted, or was issued for "
                f'another name{hint}: {reason}')
    if 'unexpected eof' in reason:
        if was_open:
            return f'connection lost: {reason}'
        return ('connection lost during the TLS handshake; the server may not '
                'speak TLS on this port, or require a client certificate that '
                f'it trusts (ssl_cert_file): {reason}')
    if ' alert ' in reason and (
            'certificate' in reason or 'unknown ca' in reason):
        return ('the server requires a client certificate that it trusts '
                f'(ssl_cert_file): {reason}')
    if ' alert ' in reason:
        return f'TLS negotiation with the server failed: {reason}'
    if 'SSL Failure' in reason:
        return ('no TLS connection; the server may not speak TLS on this '
                f'port: {reason}')
    if '[mech=none]' in reason:
        hint = ''
        if host.username and not host.tls and 'PLAIN' not in mechanisms:
            hint = ('; PLAIN requires TLS (amqps://) or '
                    'allow_plain_without_tls')
        return ('the server offers no permitted SASL mechanism, which are '
                f'{", ".join(mechanisms)}{hint}: {reason}')
    if 'Authentication failed' in reason:
        login = 'user name and password' if host.username else 'identity'
        return f'the server did not accept the {login}: {reason}'
    if 'protocol header got: AMQP 1.0' in reason:
        return ('the server responded without SASL, which is required: '
                f'{reason}')
    if 'protocol header got' in reason:
        return f'the server does not speak AMQP 1.0 on this port: {reason}'
    if 'local-idle-timeout' in reason:
        return f'no data received within idle_timeout: {reason}'
    if 'connection aborted' in reason or 'protocol header' in reason:
        return f'connection lost: {reason}'
    return reason


def may_require_tls(condition):
    """Return True if the server may have ended the connection for lack of TLS.

    :param condition: that of a connection without TLS
    """
    if condition is None:
        return True
    reason = describe(condition)
    # A server with another response understood the client, or at least does
    # not require TLS.
    return 'amqp:connection' in condition.name and (
        'AMQP TLS' in reason or
        "['AMQP" not in reason and "['HTTP" not in reason)


def is_message_at_fault(condition):
    """Return True if a message was rejected because of its content.

    Only if the condition states it: many servers send no reason, or one that
    is not in the standard, when a queue is full or temporarily unavailable.
    """
    if condition is None or condition.name not in MESSAGE_AT_FAULT:
        return False
    info = condition.info
    reason = info.get('reason') if isinstance(info, dict) else None
    return str(reason) not in _QUEUE_REASONS


class ProblemLog:
    """Log in which each problem appears once, until recovery."""

    def __init__(self):
        self._reasons = {}

    def warn(self, subject, reason):
        if self._is_new(subject, reason):
            LOG.warning('Notifications through qpid: %s: %s', subject, reason)

    def log_exception(self, subject, error):
        """Log an unexpected exception, which is being handled."""
        if self._is_new(subject, type(error).__name__):
            LOG.exception('Notifications through qpid: the connection to %s '
                          'failed', subject)

    def _is_new(self, subject, reason):
        reasons = self._reasons.setdefault(subject, [])
        kind = _VARYING.sub('', reason)
        if kind in reasons:
            return False
        reasons.append(kind)
        del reasons[:-_MAX_REASONS]
        return True

    def log_recovery(self, subject):
        if self._reasons.pop(subject, None):
            LOG.info('Notifications through qpid: %s works again', subject)
