# SPDX-License-Identifier: Apache-2.0
"""Notifications in the messages that RabbitMQ delivers."""

import bz2
import json
import lzma
import zlib

#: Maximum size of a message in bytes; more than most brokers accept.
MAX_SIZE = 16 * 1024 * 1024

#: Priorities of oslo.messaging, the last part of a routing key.
PRIORITIES = ('audit', 'debug', 'info', 'warn', 'error', 'critical', 'sample')

# Prefix of a text that is the value of an AMQP 1.0 message, and the size of
# its length field by type code: one byte or four.
_VALUE = b'\x00\x53\x77'
_LENGTHS = {0xa1: 1, 0xb1: 4}

# By the names of kombu. Only these decompressors support a size limit.
_DECOMPRESSORS = {'application/x-gzip': zlib.decompressobj,
                  'application/x-bz2': bz2.BZ2Decompressor,
                  'application/x-lzma': lzma.LZMADecompressor}


class ConnectionLost(Exception):
    """There is no connection; its text is the reason."""


def parse_notification(body, compression=None):
    """Parse a message of oslo.messaging or of usermsg, in any envelope.

    Without the request context, which may contain a token.

    :param body: bytes or text
    :param compression: kombu's name of the compression, if any
    :returns: the six attributes, a dict; None if it isn't a notification, or
        is too long
    """
    try:
        if compression:
            body = _DECOMPRESSORS[compression]().decompress(
                body, MAX_SIZE + 1)
        if len(body) > MAX_SIZE:
            return None
        if body[:3] == _VALUE:
            # From a sender of AMQP 1.0, as RabbitMQ delivers it to consumers
            # of AMQP 0-9-1.
            body = body[4 + _LENGTHS[body[3]]:]
        content = json.loads(body)
        if 'request' in content:
            content = content['request']
        if 'oslo.message' in content:
            content = json.loads(content['oslo.message'])
        return {name: content[name] for name in (
            'message_id', 'publisher_id', 'event_type', 'priority',
            'timestamp', 'payload')}
    except Exception:
        # A sender may send any data, in any compression.
        return None
