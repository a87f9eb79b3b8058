# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""``usermsg-manage listen``"""

import argparse
import json
import os
import sys
import time

from cliff import command

from usermsg.cmd import arguments
from usermsg.cmd import interruptions
from usermsg import exception
from usermsg.notifications.amqp091 import broker
from usermsg.notifications.amqp091 import subscription
from usermsg.notifications import outbox
from usermsg.notifications import strategies

#: The parts of a routing key that oslo.messaging knows.
PRIORITIES = ('audit', 'debug', 'info', 'warn', 'error', 'critical', 'sample')

#: Seconds between two attempts to connect again, and between two looks at
#: whether it shall end.
_AGAIN = 1
_LOOK = 0.3


class Listen(command.Command):
    """Print the notifications that arrive at RabbitMQ, until Ctrl-C.

    Those of [oslo_messaging_notifications] transport_url and topics, by
    whatever service they are sent. It gets copies, in a queue of its own that
    is gone when it ends: nobody else misses any. It doesn't see what was sent
    before it began.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--topic', metavar='NAME', action='append', type=_word,
            help='of this topic, rather than of those that are configured; '
                 'may be given several times')
        parser.add_argument(
            '--priority', action='append', type=str.lower,
            choices=PRIORITIES,
            help='of this priority; may be given several times (default: '
                 'all)')
        parser.add_argument(
            '--exchange', metavar='NAME', type=_word,
            help='at this exchange; that of glance, for instance, is glance '
                 '(default: [DEFAULT] control_exchange)')
        parser.add_argument(
            '--count', metavar='N', type=arguments.number(1, 100_000),
            help='end after as many: 1 to 100000')
        parser.add_argument(
            '--timeout', metavar='SECONDS', type=arguments.seconds,
            help='end after that time; the exit status is then 1 if there '
                 'were less than --count')
        parser.add_argument(
            '--format', choices=('text', 'json'), default='text',
            help='a line of words or a JSON object for each (default: text)')
        return parser

    def take_action(self, parsed_args):
        conf = self.app.conf
        found = _broker(conf)
        exchange = parsed_args.exchange or found.exchange
        keys = [f'{topic}.{priority}'
                for topic in (parsed_args.topic or
                              conf.oslo_messaging_notifications.topics)
                for priority in parsed_args.priority or '*']
        self._subscription = subscription.Subscription(found, exchange, keys)
        self._where = f'exchange {exchange}, {", ".join(keys)}'
        self._left = parsed_args.count
        self._show = json.dumps if parsed_args.format == 'json' else _line
        self._end = (None if parsed_args.timeout is None else
                     time.monotonic() + parsed_args.timeout)
        try:
            with interruptions.Interruptions() as self._interruptions:
                self._open()
                return self._listen()
        except subscription.Lost as error:
            raise RuntimeError(f'RabbitMQ cannot be used: {error}') from None
        except BrokenPipeError:
            # Whoever read this has enough. Python would complain at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        finally:
            self._subscription.close()

    def _listen(self):
        """Returns the exit status."""
        connected = True
        while self._left is None or self._left > 0:
            if self._interruptions.came(within=0 if connected else _AGAIN):
                return interruptions.INTERRUPTED if self._left else 0
            if self._end is not None and time.monotonic() > self._end:
                return 1 if self._left else 0
            try:
                if not connected:
                    self._open()
                    connected = True
                self._print(self._subscription.read(_LOOK))
            except subscription.Lost as error:
                if connected:
                    self._hint(f'RabbitMQ is gone: {error}. What is sent '
                               f'until it is back is not shown.')
                connected = False
        return 0

    def _open(self):
        address = self._subscription.open()
        self._hint(f'Listening to {address}, {self._where}. Ctrl-C ends it.')

    def _print(self, arrived):
        for notification in arrived:
            if notification is None:
                self._hint('Something came that is no notification.')
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


def _broker(conf):
    options = conf.oslo_messaging_notifications
    configured = outbox.configured(conf)
    if configured == ('qpid',) and not options.transport_url:
        raise exception.ConfigurationError(
            f'{strategies.OPTION} is qpid, which sends over AMQP 1.0. There '
            f'is nothing here that listens to that: use the tools of that '
            f'broker, or set transport_url to listen to RabbitMQ.')
    return broker.of(strategies.transport(conf))


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
