# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage notification watch``"""

import argparse
import json
import os
import sys
import time

from cliff import command

from usermsg.cmd import option_types
from usermsg.cmd import signals
from usermsg import exception
from usermsg.notifications.drivers import loader
from usermsg.notifications.drivers.rabbit import received_message
from usermsg.notifications.drivers.rabbit import settings
from usermsg.notifications.drivers.rabbit import subscription
from usermsg.outbox import writer

RABBIT, QPID = 'rabbit', 'qpid'
# Those of oslo.messaging, which send to transport_url too.
_ALSO_RABBIT = ('messaging', 'messagingv2', 'routing')

#: Seconds between two attempts to connect again, and between two looks at
#: whether it shall end.
_AGAIN = 1
_LOOK = 0.3


class _Over(Exception):
    """It shall end, with this exit status."""

    def __init__(self, status):
        self.status = status


class Watch(command.Command):
    """Print the notifications that arrive at RabbitMQ, until Ctrl-C.

    By whatever service they are sent: those of
    [oslo_messaging_notifications] transport_url and topics. It gets copies,
    so that nobody else misses any. It doesn't see what RabbitMQ got before it
    began. Servers of AMQP 1.0, where the driver qpid sends, have viewers of
    their own.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--driver', choices=(RABBIT, QPID),
            help='where this driver sends, whether it is configured or not; '
                 'qpid is not supported (default: qpid if that is configured '
                 'and none that sends to RabbitMQ, otherwise rabbit)')
        parser.add_argument(
            '--topic', metavar='NAME', action='append', type=_word,
            help='of this topic, rather than of those that are configured; '
                 'may be given several times')
        parser.add_argument(
            '--priority', action='append', type=str.lower,
            choices=received_message.PRIORITIES,
            help='of this priority; may be given several times (default: '
                 'all)')
        parser.add_argument(
            '--exchange', metavar='NAME', type=_word,
            help='at this exchange; that of glance, for instance, is glance '
                 '(default: [DEFAULT] control_exchange)')
        parser.add_argument(
            '--count', metavar='N', type=option_types.number(1, 100_000),
            help='end after as many: 1 to 100000')
        parser.add_argument(
            '--timeout', metavar='SECONDS', type=option_types.seconds,
            help='end after that time; the exit status is then 1 if there '
                 'were less than --count')
        parser.add_argument(
            '--format', choices=('text', 'json'), default='text',
            help='a line of words or a JSON object for each (default: text)')
        return parser

    def take_action(self, parsed_args):
        self._subscription = _subscription(self.app.conf, parsed_args)
        self._left = parsed_args.count
        self._show = json.dumps if parsed_args.format == 'json' else _line
        self._end = (None if parsed_args.timeout is None else
                     time.monotonic() + parsed_args.timeout)
        self._listened = False
        try:
            with signals.Interruptions() as self._interruptions:
                self._open()
                self._listen()
        except _Over as over:
            return over.status
        except received_message.Lost as error:
            raise RuntimeError(
                f'RabbitMQ cannot be used: {error}') from None
        except BrokenPipeError:
            # Whoever read this has enough. Python would complain at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        finally:
            self._subscription.close()

    def _look(self, within=0):
        """Whether to go on; waits for some seconds if nothing says no."""
        if self._interruptions.came(within):
            raise _Over(signals.INTERRUPTED if self._left else 0)
        if self._end is not None and time.monotonic() > self._end:
            raise _Over(1 if self._left or not self._listened else 0)

    def _listen(self):
        connected = True
        while self._left is None or self._left > 0:
            self._look(within=0 if connected else _AGAIN)
            try:
                if not connected:
                    self._open()
                    connected = True
                self._print(self._subscription.read(_LOOK))
            except received_message.Lost as error:
                if connected:
                    self._hint(f'RabbitMQ is gone: {error}. What is sent '
                               f'until it is back is not shown.')
                connected = False

    def _open(self):
        where = self._subscription.open(self._look)
        self._listened = True
        self._hint(f'Listening to {where}. Ctrl-C ends it.')

    def _print(self, notifications):
        for notification in notifications:
            if notification is None:
                self._hint('Something came that is no notification, or '
                           'longer than 16 MiB.')
                continue
            self.app.stdout.write(f'{self._show(notification)}\n')
            if self._left is not None:
                self._left -= 1
                if not self._left:
                    break
        self.app.stdout.flush()

    def _hint(self, text):
        # Not among what arrives, which programs may read.
        self.app.stderr.write(f'{text}\n')
        self.app.stderr.flush()


def _subscription(conf, parsed_args):
    """The subscription that a configuration and the arguments name."""
    if (parsed_args.driver or _driver(conf)) == QPID:
        # Servers differ in whether, and where, they give copies: what is
        # shown may be taken from the consumer that should have it.
        raise exception.ConfigurationError(
            'qpid: servers of AMQP 1.0 are not supported by this command. '
            'Use a viewer of the server: for qpidd that is qpid-receive, for '
            'Artemis "artemis browser". For RabbitMQ, also with its plug-in '
            'for AMQP 1.0, use --driver rabbit with '
            '[oslo_messaging_notifications] transport_url.')
    found = settings.of(loader.transport(conf))
    keys = [f'{topic}.{priority}'
            for topic in (parsed_args.topic or
                          conf.oslo_messaging_notifications.topics)
            for priority in parsed_args.priority or '*']
    return subscription.Subscription(
        found, parsed_args.exchange or found.exchange, keys)


def _driver(conf):
    configured = writer.configured(conf)
    return QPID if QPID in configured and not set(configured) & {
        RABBIT, *_ALSO_RABBIT} else RABBIT


def _line(notification):
    """Words, of which none can do anything to a terminal."""
    *words, payload = (notification[name] for name in (
        'timestamp', 'priority', 'event_type', 'publisher_id', 'message_id',
        'payload'))
    return ' '.join([*(json.dumps(str(word))[1:-1] for word in words),
                     json.dumps(payload)])


def _word(text):
    if not (text and text.isascii() and text.isprintable() and
            len(text) <= 200):
        raise argparse.ArgumentTypeError(
            'it must be printable ASCII, not longer than 200 characters')
    return text
