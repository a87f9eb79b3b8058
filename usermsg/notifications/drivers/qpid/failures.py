# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with a server, in words, and said once."""

import re

from oslo_log import log
from oslo_utils import netutils

from usermsg import text

LOG = log.getLogger(__name__)

#: For these a node takes nothing from us until an operator has changed
#: something: there, or in our configuration.
DENIED = frozenset((
    'amqp:unauthorized-access', 'amqp:not-allowed', 'amqp:invalid-field',
    'amqp:not-implemented'))

#: Why a server rejects one message that it may take later: for what it has
#: itself, not for what the message is.
PASSING = frozenset(('amqp:resource-limit-exceeded', 'amqp:internal-error'))

TOO_LARGE = 'amqp:link:message-size-exceeded'

#: What a message itself is to blame for, whenever it is sent.
ITS_OWN = frozenset((
    TOO_LARGE, 'amqp:decode-error', 'amqp:invalid-field',
    'amqp:not-implemented', 'amqp:precondition-failed'))

# In what RabbitMQ adds to a condition: the state of a queue, not of a message.
_OF_A_QUEUE = frozenset(('maxlen', 'unavailable'))

#: With these something ends whatever was sent.
NOBODYS_FAULT = PASSING | frozenset((
    None, 'amqp:connection:forced', 'amqp:link:detach-forced',
    'amqp:link:stolen', 'amqp:not-found', 'amqp:resource-deleted',
    # Of routers, when the broker behind them is gone.
    'qd:routed-link-lost'))

_LONGEST = 300

# What has a digit in it is a time, a port or a number of its own.
_VARYING = re.compile(r'\S*\d\S*')

# How many reasons are remembered of each that something is wrong with.
_MOST = 10


class Lost(Exception):
    """A connection is of no use, or there is none.

    :param reason: the end of a sentence that begins with the host
    """


class _Unreadable:
    name = 'an error that cannot be read'
    description = info = None


def read(of, name='remote_condition'):
    """What a peer says was wrong, of an endpoint or a disposition.

    Proton fails where a text is not UTF-8, or a map not one for Python.
    """
    try:
        return getattr(of, name)
    except (ValueError, TypeError):
        return _Unreadable()


def words(condition, otherwise='without a reason'):
    """A condition of AMQP as an operator should read it, in bounds."""
    if condition is None or not condition.name:
        return otherwise
    said = condition.name
    if condition.description:
        said += f' ({condition.description})'
    return text.line(said, _LONGEST)


def reason_of(error):
    """An exception in words: those of the system, if it is the system's."""
    return getattr(error, 'strerror', None) or str(error)


def of_transport(condition, host, mechanisms, was_open):
    """Why a connection failed, from what Proton says of it.

    Proton names the effect; an operator needs the cause.

    :param host: a :class:`usermsg.notifications.drivers.host.Host`
    :param mechanisms: those of SASL that may be used with it
    :param was_open: whether AMQP had got as far as that
    """
    said = words(condition)
    if 'certificate verify failed' in said:
        hint = (' (an IP address must be its common name)'
                if netutils.is_valid_ip(host.name) else '')
        return ('its certificate is not trusted, or not for this name'
                f'{hint}: {said}')
    if 'unexpected eof' in said:
        if was_open:
            return f'the connection broke off: {said}'
        return ('the connection broke off; does it speak TLS on this port, '
                'and want a certificate that it trusts (ssl_cert_file)? '
                f'{said}')
    if ' alert ' in said and ('certificate' in said or 'unknown ca' in said):
        return ('it wants a certificate that it trusts (ssl_cert_file): '
                f'{said}')
    if ' alert ' in said:
        return f'it does not agree to TLS as we speak it: {said}'
    if 'SSL Failure' in said:
        return f'no TLS; does it speak TLS on this port? {said}'
    if '[mech=none]' in said:
        hint = ''
        if host.username and not host.tls and 'PLAIN' not in mechanisms:
            hint = (', and PLAIN only with TLS (amqps://) or '
                    'allow_plain_without_tls')
        return ('it offers no SASL mechanism that may be used here, which '
                f'are {", ".join(mechanisms)}{hint}: {said}')
    if 'Authentication failed' in said:
        what = 'user name and password' if host.username else 'identity'
        return f'it does not let us in with our {what}: {said}'
    if 'protocol header got: AMQP 1.0' in said:
        return f'it does without SASL, which it must not: {said}'
    if 'protocol header got' in said:
        return f'it does not speak AMQP 1.0 on this port: {said}'
    if 'local-idle-timeout' in said:
        return f'no sign of life within idle_timeout: {said}'
    if 'connection aborted' in said or 'protocol header' in said:
        return f'the connection broke off: {said}'
    return said


def may_be_tls(condition):
    """Whether one who wants TLS may have ended a connection without it."""
    if condition is None:
        return True
    said = words(condition)
    # Those who answer so understood us, or at least not for TLS.
    return 'amqp:connection' in condition.name and (
        'AMQP TLS' in said or "['AMQP" not in said and "['HTTP" not in said)


def is_its_own(condition):
    """Whether a message was rejected for what it is.

    Only if the server says so: many give no reason, or one that we don't
    know, when a queue is full or away for a moment.
    """
    if condition is None or condition.name not in ITS_OWN:
        return False
    info = condition.info
    reason = info.get('reason') if isinstance(info, dict) else None
    return str(reason) not in _OF_A_QUEUE


class Report:
    """Says what is wrong once, until all is well."""

    def __init__(self):
        self._said = {}

    def wrong(self, subject, reason):
        if self._is_new(subject, reason):
            LOG.warning('Notifications through qpid: %s: %s', subject, reason)

    def broken(self, subject, error):
        """An exception that nobody expected and that is being handled."""
        if self._is_new(subject, type(error).__name__):
            LOG.exception('Notifications through qpid: the connection to %s '
                          'failed', subject)

    def _is_new(self, subject, reason):
        said = self._said.setdefault(subject, [])
        kind = _VARYING.sub('', reason)
        if kind in said:
            return False
        said.append(kind)
        del said[:-_MOST]
        return True

    def well(self, subject):
        if self._said.pop(subject, None):
            LOG.info('Notifications through qpid: %s works again', subject)
