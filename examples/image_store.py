# SPDX-License-Identifier: Apache-2.0
"""A small image store that sends notifications about its images.

    image_store.py put FILE         store a file as an image, print its id
    image_store.py get ID FILE      write the data of an image to a file
    image_store.py update ID NAME   rename an image
    image_store.py delete ID

Images are stored in --directory. Notifications are printed, one JSON object a
line; with --config-file, a usermsg.conf, they are sent through the outbox, and
the owner of an image gets a message when its upload fails.
"""

import argparse
import contextlib
import datetime
import errno
import functools
import hashlib
import json
import pathlib
import sys
import uuid

from usermsg.concurrency import backend

backend.use_threads()

from usermsg.catalogue import loader  # noqa: E402
from usermsg import context  # noqa: E402
from usermsg.message import api  # noqa: E402
from usermsg.notifications import image as notifications  # noqa: E402
from usermsg import service  # noqa: E402

BLOCK = 64 * 1024  # bytes
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class StorageFull(Exception):
    """Exception class that the catalogue maps to a detail, by its name."""


class ImageStore:
    def __init__(self, directory, notifier, request):
        self._directory = pathlib.Path(directory)
        self._notifier = notifier
        self._request = request

    def put(self, source, name):
        image = {
            'id': str(uuid.uuid4()), 'name': name, 'status': 'queued',
            'owner': self._request.project_id, 'visibility': 'private',
            'disk_format': 'raw', 'container_format': 'bare',
            'created_at': now(), 'updated_at': now()}
        self._record(image)
        self._notifier.create(image)
        with self._notifier.upload({**image, 'status': 'saving'},
                                   self._request) as upload:
            upload.stored(**self._store(image['id'], source))
            upload.update(status='active', updated_at=now())
            self._record(upload.image)
        return image['id']

    def get(self, image_id):
        image = self.find(image_id)
        with (open(self._directory / image_id, 'rb') as data,
              self._notifier.download(image, self._request) as download):
            yield from download.count(blocks(data))

    def update(self, image_id, **changes):
        image = {**self.find(image_id), **changes, 'updated_at': now()}
        self._record(image)
        self._notifier.update(image)

    def delete(self, image_id):
        image = self.find(image_id)
        (self._directory / image_id).unlink(missing_ok=True)
        (self._directory / f'{image_id}.json').unlink()
        self._notifier.delete(image)

    def find(self, image_id):
        try:
            return json.loads(
                (self._directory / f'{uuid.UUID(image_id)}.json').read_text())
        except (OSError, ValueError):
            raise SystemExit(f'There is no image {image_id}.') from None

    def _record(self, image):
        (self._directory / f'{image["id"]}.json').write_text(
            json.dumps(image))

    def _store(self, image_id, source):
        size, checksum = 0, hashlib.md5(usedforsecurity=False)
        path = self._directory / image_id
        try:
            with open(path, 'xb') as data:
                for block in blocks(source):
                    data.write(block)
                    size += len(block)
                    checksum.update(block)
        except OSError as error:
            path.unlink(missing_ok=True)
            if error.errno in NO_ROOM:
                raise StorageFull() from error
            raise
        return {'size': size, 'checksum': checksum.hexdigest()}


def blocks(data):
    return iter(functools.partial(data.read, BLOCK), b'')


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


class PrintingSink:
    """Sink that prints notifications, used without --config-file."""

    def send(self, notification):
        print(json.dumps(notification.body()), flush=True)


def make_notifier(config_file):
    if config_file is None:
        return notifications.ImageNotifier(PrintingSink(), loader.load(None))
    runtime = service.prepare(['--config-file', config_file])
    return notifications.ImageNotifier.from_runtime(
        runtime, runtime.outbox, api.API(runtime))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--directory', default='.')
    parser.add_argument('--config-file')
    parser.add_argument('--project', default='demo',
                        help='project of the request')
    parser.add_argument('--user', default='demo',
                        help='user of the request')
    parser.add_argument('command', choices=['put', 'get', 'update', 'delete'])
    parser.add_argument('arguments', nargs='+')
    options = parser.parse_args()
    store = ImageStore(
        options.directory, make_notifier(options.config_file),
        context.RequestContext(project_id=options.project,
                               user_id=options.user))
    try:
        match options.command, options.arguments:
            case 'put', [path]:
                with open(path, 'rb') as source:
                    print(store.put(source, pathlib.Path(path).name))
            case 'get', [image_id, path]:
                with (open(path, 'wb', buffering=0) as target,
                      contextlib.closing(store.get(image_id)) as data):
                    for block in data:
                        target.write(block)
            case 'update', [image_id, name]:
                store.update(image_id, name=name)
            case 'delete', [image_id]:
                store.delete(image_id)
            case _:
                parser.error(f'wrong arguments for {options.command}')
    except StorageFull:
        sys.exit('There is no space left for the image.')
    except OSError as error:
        sys.exit(str(error))


if __name__ == '__main__':
    main()
