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
"""Confirmed notifications per second of the strategy ``qpid``.

    python benchmarks/qpid.py [--number N] [--rounds R]

Next to it a program of Proton alone, which sends through its ``Container`` and
keeps as many on their way: what is sent is of the same length and durable.
Both send to the same broker in turns: Proton's example broker in C, which
keeps nothing on disk, and RabbitMQ with its plug-in for AMQP 1.0, which does.
The exit status is 1 if pipelining reaches less than 0.8 of Proton alone.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time

from usermsg import backend

backend.use_threads()

from oslo_config import cfg  # noqa: E402
import proton  # noqa: E402
from proton import handlers  # noqa: E402
from proton import reactor  # noqa: E402

from usermsg.conf import qpid as options  # noqa: E402
from usermsg.notifications.drivers import qpid  # noqa: E402
from usermsg.notifications import notification  # noqa: E402
from usermsg.tests.functional import amqp1_brokers  # noqa: E402
from usermsg.tests.functional import rabbitmq  # noqa: E402
from usermsg.tests.functional import servers  # noqa: E402

THREADS = 16
WINDOW = 500
GOAL = 0.8

# About 1 kB as a message.
PAYLOAD = {'id': 'b7a0c9a4', 'properties': {
    f'property-{number}': 'x' * 20 for number in range(15)}}


class Alone(handlers.MessagingHandler):
    """Proton alone: what one writes first with it."""

    def __init__(self, place, number):
        super().__init__()
        self._place = place
        self._left = self._unconfirmed = number
        self._body = json.dumps({'request': {
            'oslo.version': '2.0', 'oslo.message': json.dumps(_note())},
            'context': {}})
        self.rate = None
        self._number = number

    def on_start(self, event):
        connection = event.container.connect(
            self._place['hosts'], virtual_host=self._place['vhost'],
            allowed_mechs='PLAIN ANONYMOUS', allow_insecure_mechs=True,
            reconnect=False)
        event.container.create_sender(connection, self._place['address'])

    def on_sendable(self, event):
        if self._left == self._number:
            self._begin = time.perf_counter()
        self._send(event.link)

    def _send(self, link):
        while link.credit and self._left and (
                self._unconfirmed - self._left < WINDOW):
            link.send(proton.Message(
                self._body, inferred=True, durable=True, id=str(self._left),
                subject='notifications.info',
                content_type='application/json'))
            self._left -= 1

    def on_accepted(self, event):
        self._unconfirmed -= 1
        if self._unconfirmed:
            self._send(event.link)
        else:
            self.rate = self._number / (time.perf_counter() - self._begin)
            event.connection.close()


def _note():
    return notification.Notification(
        'image.update', PAYLOAD, 'b7a0c9a4').body()


def alone(place, number):
    program = Alone(place, number)
    reactor.Container(program).run()
    return {'alone': program.rate}


def driver(place, number):
    """The driver pipelined, from one thread, and from many."""
    conf = cfg.ConfigOpts()
    conf([], project='usermsg', default_config_files=[],
         default_config_dirs=[])
    conf.register_opts(options.OPTS, group=options.GROUP.name)
    for name, value in {
            **place, 'allow_plain_without_tls': True, 'window': WINDOW,
            'delivery_timeout': 300, 'max_pending': number}.items():
        conf.set_override(name, value, 'oslo_messaging_qpid')
    found = qpid.QpidDriver(conf, ['notifications'])
    found.notify({}, _note(), 'info', -1)

    def pipelined(count):
        for future in [found.submit({}, _note(), 'info')
                       for _ in range(count)]:
            future.result()

    def one(count):
        for _ in range(count):
            found.notify({}, _note(), 'info', -1)

    def many(count):
        threads = [threading.Thread(target=one, args=(count // THREADS,))
                   for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    rates = {}
    for name, work, count in (('pipelined', pipelined, number),
                              ('1 thread', one, number // 10),
                              (f'{THREADS} threads', many, number // 2)):
        begin = time.perf_counter()
        work(count)
        rates[name] = count / (time.perf_counter() - begin)
    found.close()
    return rates


def run(what, place, number):
    """Measure in a process of its own; rates by name."""
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', __file__, '--number', str(number),
         '--measure', what],
        env={**os.environ, 'USERMSG_PLACE': json.dumps(place)},
        stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    return json.loads(done.stdout)


def compare(name, place, number, rounds):
    """Measure in turns and print; whether the goal is reached."""
    rates = {}
    ratios = []
    for turn in range(rounds):
        both = ['alone', 'driver']
        found = {}
        for what in both if turn % 2 else reversed(both):
            found.update(run(what, place, number))
        ratios.append(found['pipelined'] / found['alone'])
        for what, rate in found.items():
            rates.setdefault(what, []).append(rate)
    print(name)
    for what, values in sorted(rates.items()):
        print(f'  {what:<12} {statistics.median(values):8.0f} /s '
              f'({min(values):.0f} - {max(values):.0f})')
    ratio = statistics.median(ratios)
    print(f'  ratio        {ratio:8.2f}    ({min(ratios):.2f} - '
          f'{max(ratios):.2f})')
    return ratio >= GOAL


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--number', type=int, default=5000)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--measure', help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        # Not as an argument, which everybody could read: it has a password.
        place = json.loads(os.environ['USERMSG_PLACE'])
        measure = {'alone': alone, 'driver': driver}[arguments.measure]
        print(json.dumps(measure(place, arguments.number)))
        return 0
    good = True
    with servers.require(amqp1_brokers.CBroker) as broker:
        good &= compare('Proton in C, in memory', {
            'hosts': broker.url(), 'vhost': None, 'address': 'measured'},
            arguments.number, arguments.rounds)
    with servers.require(rabbitmq.RabbitMQ) as broker:
        vhost = broker.create_vhost()
        vhost.declare('measured', 'openstack', 'notifications.info')
        good &= compare('RabbitMQ, durable', {
            'hosts': broker.url('amqp').rpartition('/')[0],
            'vhost': f'vhost:{vhost.name}',
            'address': '/amq/queue/measured'},
            arguments.number, arguments.rounds)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
