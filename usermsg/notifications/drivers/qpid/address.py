# SPDX-License-Identifier: Apache-2.0
"""Where a notification goes: addresses of nodes, and subjects."""

import string

from usermsg import exception

_PARTS = ('topic', 'priority', 'exchange', 'vhost')

# Those of the AMQP 1.0 driver that oslo.messaging had, without and with a
# virtual host.
_PRESETS = {
    'legacy': ('unicast.{exchange}.{topic}.{priority}',
               'unicast.{vhost}.{exchange}.{topic}.{priority}'),
    'routable': (
        'openstack.org/om/notify/anycast/{exchange}/{topic}.{priority}',
        'openstack.org/om/notify/anycast/{vhost}/{exchange}/'
        '{topic}.{priority}'),
}


class Template:
    """A text with named parts in braces.

    :param option: the name of the option that it is the value of
    :param text: ``{{`` and ``}}`` are braces
    :param vhost: the value of the option of that name
    :param known: the names that may be in it
    :raises usermsg.exception.ConfigurationError: names the option
    """

    def __init__(self, option, text, vhost=None, known=_PARTS):
        try:
            pieces = list(string.Formatter().parse(text))
        except ValueError as error:
            raise _bad(option, f'cannot be read: {error}') from None
        if any(name not in known or form or conversion
               for _text, name, form, conversion in pieces
               if name is not None):
            raise _bad(option, 'can have only these parts: ' + ', '.join(
                f'{{{part}}}' for part in known))
        self.parts = {name for _text, name, *_form in pieces}
        if 'vhost' in self.parts and not vhost:
            raise _bad(option, 'has {vhost} in it, but vhost is not set')
        if not text or not text.isprintable():
            raise _bad(option, 'must be a text that can be printed')
        self._text = text

    def fill(self, **parts):
        return self._text.format(**parts)


def addresses(text, vhost=None):
    """The template of addresses.

    :param text: the value of the option: a template, or a preset's name
    """
    if text in _PRESETS:
        text = _PRESETS[text][bool(vhost)]
    return Template('address', text, vhost)


def subjects(text, vhost=None):
    """The template of subjects."""
    return Template('subject', text, vhost, (*_PARTS, 'event_type'))


def _bad(option, reason):
    return exception.ConfigurationError(
        f'[oslo_messaging_qpid] {option}: {reason}.')
