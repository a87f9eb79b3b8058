# SPDX-License-Identifier: Apache-2.0
"""Publish recorded notifications again, as if they were sent now.

    python tools/replay.py amqp://USER:PASSWORD@HOST:PORT/ FILE.jsonl ...

Each line of a file is a JSON object with the keys exchange, routing_key,
properties, headers and body. The exchanges are declared as services with
default options declare them. The times of a file keep their distances; the
last file ends now, and the others end before the next one begins, because one
service reports one story after the other.

With --project ID everything happens to that project, and each resource,
request and message gets another id, derived from the recorded one.
"""

import argparse
import datetime
import json
import pathlib
import re
import sys
import time
import uuid

import amqp
import kombu

#: Seconds between the stories of two files.
GAP = 30

#: Seconds until each notification must have reached a queue.
TIMEOUT = 120

_UUID = re.compile(r'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')

# The project of the payload, or of the request where the payload has none.
_PROJECT = re.compile(r'"(?:owner|project_id|tenant_id)": "([0-9a-f]{32})"')


class NotRouted(Exception):
    """No queue received a notification; its text names the exchange."""


class Story:
    """Notifications of a file, a list of dicts in ``deliveries``."""

    def __init__(self, path):
        self.deliveries = []
        self._contents = []
        for line in path.read_text(encoding='utf-8').splitlines():
            delivery = json.loads(line)
            self.deliveries.append(delivery)
            self._contents.append(
                json.loads(json.loads(delivery['body'])['oslo.message']))
        times = [_parse(content['timestamp']) for content in self._contents]
        self._end = max(times)
        self.duration = self._end - min(times)

    def bodies(self, end, project):
        """Return the bodies, of which the last has the given time.

        :param end: an aware datetime
        :param project: id of the project, or None for the recorded one
        """
        for content in self._contents:
            moved = _parse(content['timestamp']) - self._end + end
            text = json.dumps({**content, 'timestamp': str(
                moved.replace(tzinfo=None))})
            if project:
                text = move_to_project(text, project)
            yield json.dumps({'oslo.version': '2.0', 'oslo.message': text})


def _parse(timestamp):
    return datetime.datetime.fromisoformat(timestamp).replace(
        tzinfo=datetime.timezone.utc)


def move_to_project(text, project):
    """Return the JSON of a notification with other ids."""
    for recorded in set(_PROJECT.findall(text)):
        text = text.replace(recorded, project)
    return _UUID.sub(lambda match: str(uuid.uuid5(
        uuid.NAMESPACE_OID, project + match.group())), text)


def publish(channel, delivery, body):
    """Publish one notification, and wait until a queue has received it."""
    returned = []
    channel.events['basic_return'] = {
        lambda *arguments: returned.append(arguments)}
    channel.exchange_declare(delivery['exchange'], 'topic', durable=False,
                             auto_delete=False)
    end = time.monotonic() + TIMEOUT
    while True:
        channel.basic_publish_confirm(
            amqp.Message(body, delivery_mode=2,
                         content_type='application/json',
                         content_encoding='utf-8'),
            exchange=delivery['exchange'],
            routing_key=delivery['routing_key'], mandatory=True)
        if not returned:
            return
        if time.monotonic() > end:
            raise NotRouted(
                f'No queue is bound to the exchange {delivery["exchange"]} '
                f'for {delivery["routing_key"]}; is the listener running?')
        returned.clear()
        time.sleep(0.2)


def replay(url, paths, project=None):
    """Publish files; return the number of notifications.

    :param paths: of the files, in the order of their stories
    :param project: see :meth:`Story.bodies`
    """
    stories = [Story(path) for path in paths]
    gap = datetime.timedelta(seconds=GAP)
    end = datetime.datetime.now(datetime.timezone.utc) - sum(
        (story.duration + gap for story in stories[1:]),
        datetime.timedelta())
    number = 0
    with kombu.Connection(url, transport_options={
            'confirm_publish': True}) as connection:
        # The broker may be starting.
        connection.ensure_connection(
            timeout=TIMEOUT, interval_start=0.2, interval_step=0)
        channel = connection.channel()
        for position, story in enumerate(stories):
            if position:
                end += gap + story.duration
            for delivery, body in zip(
                    story.deliveries, story.bodies(end, project)):
                publish(channel, delivery, body)
                number += 1
    return number


def main():
    parser = argparse.ArgumentParser(
        description='Publish recorded notifications again.')
    parser.add_argument('url', help='amqp://USER:PASSWORD@HOST:PORT/')
    parser.add_argument('files', nargs='+', type=pathlib.Path,
                        metavar='FILE.jsonl')
    parser.add_argument('--project', metavar='ID',
                        help='of another project, with other resources')
    arguments = parser.parse_args()
    try:
        number = replay(arguments.url, arguments.files, arguments.project)
    except NotRouted as error:
        sys.exit(str(error))
    print(f'{number} notifications published')


if __name__ == '__main__':
    main()
