# SPDX-License-Identifier: Apache-2.0
"""Messages that arrive at RabbitMQ, read as notifications."""

import bz2
import json
import lzma
import zlib

#: Bytes of a message at most; more than most brokers take.
LONGEST = 16 * 1024 * 1024

#: The last part of a routing key, as far as oslo.messaging knows them.
PRIORITIES = ('audit', 'debug', 'info', 'warn', 'error', 'critical', 'sample')

# What a text begins with that is the value of an AMQP 1.0 message: it has a
# length of one byte, or of four.
_VALUE = b'\x00\x53\x77'
_LENGTHS = {0xa1: 1, 0xb1: 4}

# As kombu calls them. Others can't be told when to stop.
_DECOMPRESSORS = {'application/x-gzip': zlib.decompressobj,
                  'application/x-bz2': bz2.BZ2Decompressor,
                  'application/x-lzma': lzma.LZMADecompressor}


class Lost(Exception):
    """There is no connection; says why."""


def attributes(body, compressed=None):
    """Of a message of oslo.messaging's or ours, in whatever envelope.

    Not what it knows of the request that it comes from: there may be a token.

    :param body: bytes or text
    :param compressed: by what, as kombu calls it
    :returns: the six attributes, a dict; None if it is no notification, or
        too long
    """
    try:
        if compressed:
            body = _DECOMPRESSORS[compressed]().decompress(
                body, LONGEST + 1)
        if len(body) > LONGEST:
            return None
        if body[:3] == _VALUE:
            # From a sender of AMQP 1.0, as RabbitMQ hands it on to others.
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
        # Anybody may send anything, compressed by whatever.
        return None
