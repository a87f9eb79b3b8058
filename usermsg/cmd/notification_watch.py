# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage notification watch``"""

import json
import math
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

_WORD = option_types.identifier(200)

#: Seconds between two attempts to connect again, and between two looks at
#: whether it shall end.
_AGAIN = 1
_LOOK = 0.3


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
            '--topic', metavar='NAME', action='append', type=_WORD,
            help='of this topic, rather than of those that are configured; '
                 'may be given several times')
        parser.add_argument(
            '--priority', action='append', type=str.lower,
            choices=received_message.PRIORITIES,
            help='of this priority; may be given several times (default: '
                 'all)')
        parser.add_argument(
            '--exchange', metavar='NAME', type=_WORD,
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
        self._left = parsed_args.count or math.inf
        self._show = json.dumps if parsed_args.format == 'json' else _line
        self._end = time.monotonic() + (parsed_args.timeout or math.inf)
        self._has_listened = False
        try:
            with signals.Interruptions() as self._interruptions:
                self._listen()
        except received_message.Lost as error:
            raise RuntimeError(
                f'RabbitMQ cannot be used: {error}') from None
        except BrokenPipeError:
            # Whoever read this has enough. Python would complain at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        finally:
            self._subscription.close()

    def _look(self, within=0):
        """Wait for some seconds, unless it is to end: then exit."""
        incomplete = self._left < math.inf
        if self._interruptions.came(within):
            sys.exit(signals.INTERRUPTED if incomplete else 0)
        if time.monotonic() > self._end:
            sys.exit(int(incomplete or not self._has_listened))

    def _listen(self):
        pause = 0
        while self._left:
            self._look(pause)
            try:
                if pause or not self._has_listened:
                    where = self._subscription.open(self._look)
                    self._hint(f'Listening to {where}. Ctrl-C ends it.')
                    self._has_listened, pause = True, 0
                self._print(self._subscription.read(_LOOK))
            except received_message.Lost as error:
                if not self._has_listened:
                    raise
                if not pause:
                    self._hint(f'RabbitMQ is gone: {error}. What is sent '
                               f'until it is back is not shown.')
                pause = _AGAIN

    def _print(self, notifications):
        for notification in notifications:
            if notification is None:
                self._hint('Something came that is no notification, or '
                           'longer than 16 MiB.')
                continue
            self.app.stdout.write(f'{self._show(notification)}\n')
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
    found = settings.Broker(loader.transport(conf))
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
