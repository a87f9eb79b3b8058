# SPDX-License-Identifier: Apache-2.0
"""Templates of node addresses and of message subjects."""

import string

from usermsg import exception

_FIELDS = ('topic', 'priority', 'exchange', 'vhost')

# Addresses of oslo.messaging's former AMQP 1.0 driver, without and with a
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
    """A text with named fields in braces.

    :param option: name of the option whose value the template is
    :param text: the template; ``{{`` and ``}}`` are literal braces
    :param vhost: value of the option ``vhost``
    :param permitted: names of the fields that the template may contain
    :raises usermsg.exception.ConfigurationError: the template is invalid;
        the error names the option
    """

    def __init__(self, option, text, vhost=None, permitted=_FIELDS):
        try:
            pieces = list(string.Formatter().parse(text))
        except ValueError as error:
            raise _error(option, f'not a valid template: {error}') from None
        if any(name not in permitted or form or conversion
               for _text, name, form, conversion in pieces
               if name is not None):
            raise _error(option, 'the template may contain only the fields ' +
                         ', '.join(f'{{{name}}}' for name in permitted))
        self.fields = {name for _text, name, *_form in pieces}
        if 'vhost' in self.fields and not vhost:
            raise _error(option, 'the template contains {vhost}, but the '
                                 'option vhost is not set')
        if not text or not text.isprintable():
            raise _error(option, 'the template must not be empty or contain '
                                 'unprintable characters')
        self._text = text

    def fill(self, **values):
        return self._text.format(**values)


def make_address_template(text, vhost=None):
    """Return the template of node addresses.

    :param text: value of the option: a template, or the name of a preset
    """
    if text in _PRESETS:
        text = _PRESETS[text][bool(vhost)]
    return Template('address', text, vhost)


def make_subject_template(text, vhost=None):
    """Return the template of message subjects."""
    return Template('subject', text, vhost, (*_FIELDS, 'event_type'))


def _error(option, reason):
    return exception.ConfigurationError(
        f'[oslo_messaging_qpid] {option}: {reason}.')
