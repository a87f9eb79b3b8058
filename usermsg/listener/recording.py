# SPDX-License-Identifier: Apache-2.0
"""Recorded notifications, as lines of a file.

Secrets are removed as from dead letters. What remains is as the service sent
it, so that rules which match the record match the original.
"""

import json

from usermsg.listener import dead_letters
from usermsg.listener import envelope
from usermsg.notifications.drivers.rabbit import received_message

#: Properties of a message that are recorded.
PROPERTIES = ('content_type', 'content_encoding', 'delivery_mode',
              'message_id', 'priority')

_CONTEXT_PREFIX = '_context_'


def build_line(message):
    """Return the record of a message, a JSON object in one line.

    :param message: an amqp.Message
    """
    return json.dumps({
        'exchange': message.delivery_info['exchange'],
        'routing_key': message.delivery_info['routing_key'],
        'properties': {name: message.properties[name] for name in PROPERTIES
                       if name in message.properties},
        # Not that of the compression: the body is decompressed.
        'headers': {},
        'body': _redact(message.body, (message.headers or {}).get(
            'compression'))})


def _redact(body, compression):
    """Return a body without secrets, a text.

    One that isn't a JSON object, or is too long for the listener, is recorded
    up to the first sign of a context, and cut.
    """
    try:
        content, context = received_message.unwrap(
            body, compression, envelope.MAX_SIZE)
    except received_message.Malformed:
        return dead_letters.redact_text(body)
    context = {**context, **{
        name.removeprefix(_CONTEXT_PREFIX): value
        for name, value in content.items()
        if name.startswith(_CONTEXT_PREFIX)}}
    return json.dumps({
        'oslo.version': '2.0', 'oslo.message': json.dumps({
            **{name: dead_letters.mask(content[name])
               for name in (*received_message.ATTRIBUTES, '_unique_id')
               if name in content},
            **{f'{_CONTEXT_PREFIX}{name}': value for name, value
               in dead_letters.keep_ids(context).items()}})})
