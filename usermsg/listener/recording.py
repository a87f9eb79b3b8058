# SPDX-License-Identifier: Apache-2.0
"""Recorded notifications, as lines of a file.

Secrets are removed as from dead letters. What remains is as the service sent
it, so that rules which match the record match the original.
"""

import json

from usermsg.listener import dead_letters

#: Properties of a message that are recorded.
PROPERTIES = ('content_type', 'content_encoding', 'delivery_mode',
              'message_id', 'priority')


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
        'body': dead_letters.redact(message.body, (
            message.headers or {}).get('compression'))})
