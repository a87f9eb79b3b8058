# SPDX-License-Identifier: Apache-2.0
"""The program behind ``old_driver.Listener``, in an environment of its own.

It listens as any service did with oslo.messaging's driver for AMQP 1.0, and
writes down what it gets, an object of JSON a line.
"""

import json
import logging
import sys
import threading

from oslo_config import cfg
import oslo_messaging


class Endpoint:
    """Takes notifications of each priority."""

    def __init__(self, stream):
        self._stream = stream
        self._lock = threading.Lock()

    def _take(self, priority, arguments):
        names = ('ctxt', 'publisher_id', 'event_type', 'payload', 'metadata')
        entry = {'priority': priority, **dict(zip(names, arguments))}
        with self._lock:
            self._stream.write(json.dumps(entry) + '\n')
            self._stream.flush()

    def info(self, *arguments):
        self._take('info', arguments)

    def warn(self, *arguments):
        self._take('warn', arguments)

    def error(self, *arguments):
        self._take('error', arguments)


def main(path):
    logging.basicConfig(level=logging.INFO)
    with open(path, encoding='utf-8') as stream:
        options = json.load(stream)
    conf = cfg.ConfigOpts()
    conf([], project='listener', default_config_files=[])
    # Its driver listens on no other exchange, whatever a target says.
    oslo_messaging.set_transport_defaults(options['exchange'])
    transport = oslo_messaging.get_notification_transport(
        conf, options['url'])
    conf.set_override('addressing_mode', options['addressing'],
                      'oslo_messaging_amqp')
    conf.set_override('connection_retry_interval', 1, 'oslo_messaging_amqp')
    targets = [oslo_messaging.Target(topic=options['topic'])]
    with open(options['record'], 'a', encoding='utf-8') as stream:
        listener = oslo_messaging.get_notification_listener(
            transport, targets, [Endpoint(stream)], executor='threading')
        listener.start()
        listener.wait()


if __name__ == '__main__':
    main(sys.argv[1])
