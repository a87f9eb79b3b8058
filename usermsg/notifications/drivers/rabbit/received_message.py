# SPDX-License-Identifier: Apache-2.0
"""Notifications in the messages that RabbitMQ delivers."""

import bz2
import json
import lzma
import math
import zlib

import orjson

#: Maximum size of a message in bytes; more than most brokers accept.
MAX_SIZE = 16 * 1024 * 1024

#: Maximum depth of nested objects and arrays.
MAX_DEPTH = 100

#: Attributes of a notification.
ATTRIBUTES = ('message_id', 'publisher_id', 'event_type', 'priority',
              'timestamp', 'payload')

#: Priorities of oslo.messaging, the last part of a routing key.
PRIORITIES = ('audit', 'debug', 'info', 'warn', 'error', 'critical', 'sample')

# Prefix of a text that is the value of an AMQP 1.0 message, and the size of
# its length field by type code: one byte or four.
_VALUE = b'\x00\x53\x77'
_LENGTHS = {b'\xa1': 1, b'\xb1': 4}

# By the names of kombu. Only these decompressors support a size limit.
_DECOMPRESSORS = {'application/x-gzip': zlib.decompressobj,
                  'application/x-bz2': bz2.BZ2Decompressor,
                  'application/x-lzma': lzma.LZMADecompressor}


class ConnectionLost(Exception):
    """There is no connection; its text is the reason."""


class Malformed(ValueError):
    """Message that isn't a notification.

    Its text is the reason, a sentence without any content of the message.
    """


def parse_notification(body, compression=None):
    """Parse a message of oslo.messaging or of usermsg, in any envelope.

    Without the request context, which may contain a token.

    :param body: bytes or text
    :param compression: kombu's name of the compression, if any
    :returns: the six attributes, a dict; None if it isn't a notification, or
        is too long
    """
    try:
        content, _context = unwrap(body, compression)
        return {name: content[name] for name in ATTRIBUTES}
    except (Malformed, KeyError):
        return None


def unwrap(body, compression=None, max_size=MAX_SIZE):
    """Return the content of the envelopes of a message.

    :param body: bytes or text
    :param compression: kombu's name of the compression, if any
    :param max_size: maximum number of bytes or characters, decompressed
    :returns: the innermost JSON object, and the request context if that is
        in an envelope; both are dicts
    :raises Malformed: it isn't a notification
    """
    if compression is not None:
        body = _decompress(body, compression, max_size)
    if not isinstance(body, (bytes, str)):
        raise Malformed('The body has no content.')
    if len(body) > max_size:
        raise Malformed(f'The body is longer than {max_size} bytes.')
    if body[:3] == _VALUE:
        # From a sender of AMQP 1.0, as RabbitMQ delivers it to consumers of
        # AMQP 0-9-1.
        if body[3:4] not in _LENGTHS:
            raise Malformed('The body is a value of AMQP 1.0 but no text.')
        body = body[4 + _LENGTHS[body[3:4]]:]
    text, context = body, {}
    content = _parse_object(text)
    if 'request' in content:
        _check_depth(text, content)
        context = content.get('context')
        content = _check_object(content['request'])
    if 'oslo.message' in content:
        if not str(content.get('oslo.version')).startswith('2.'):
            raise Malformed('The version of the envelope is not 2.')
        text = content['oslo.message']
        content = _parse_object(text)
    # Nothing else of an envelope is used, and the brackets of its text are
    # those of its content.
    _check_depth(text, content)
    return content, context if isinstance(context, dict) else {}


def _decompress(body, compression, max_size):
    if not isinstance(compression, str) or compression not in _DECOMPRESSORS:
        raise Malformed('The compression is not supported.')
    try:
        return _DECOMPRESSORS[compression]().decompress(body, max_size + 1)
    except Exception:
        # The errors of the libraries have no common base.
        raise Malformed('The body cannot be decompressed.') from None


def _parse_object(text):
    if not isinstance(text, (bytes, str)):
        raise Malformed('The envelope contains no text.')
    try:
        content = orjson.loads(text)
    except ValueError:
        # Senders that use Python's json can send NaN and lone surrogates,
        # which orjson rejects.
        try:
            content = json.loads(text, parse_constant=_finite_or_none,
                                 parse_float=_finite_or_none)
        except (ValueError, RecursionError):
            raise Malformed('The content is not JSON.') from None
    return _check_object(content)


def _finite_or_none(text):
    """Return a number; None for NaN and infinity, which JSON doesn't have."""
    number = float(text)
    return number if math.isfinite(number) else None


def _check_depth(text, content):
    """Raise Malformed if the content of a JSON text is nested too deeply."""
    brackets = (b'{', b'[') if isinstance(text, bytes) else ('{', '[')
    if sum(map(text.count, brackets)) <= MAX_DEPTH:
        return
    level = [content]
    for _depth in range(MAX_DEPTH):
        level = [value for container in level for value in (
            container.values() if isinstance(container, dict) else container)
            if isinstance(value, (dict, list))]
        if not level:
            return
    raise Malformed(f'The content is nested more than {MAX_DEPTH} levels '
                    f'deep.')


def _check_object(content):
    if not isinstance(content, dict):
        raise Malformed('The content is not a JSON object.')
    return content
