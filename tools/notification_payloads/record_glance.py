# SPDX-License-Identifier: Apache-2.0
"""Record the notifications that Glance sends about failed uploads.

Captures of a real Glance contain the more frequent causes; here Glance's
notifier reports all of them. The image's data is stored by a mock that fails.
"""

import datetime
import errno
import sys
from unittest import mock

import bus
from glance.common import config  # noqa: F401 (registers options)
from glance.common import exception
from glance import notifier
import glance_store
from oslo_config import cfg
import webob.exc

CONF = cfg.CONF

PATH = '/var/lib/glance/images/'


def make_errors(image_id):
    return (
        glance_store.StorageFull(),
        glance_store.StorageWriteDenied(),
        glance_store.exceptions.TimeoutError(message=bus.NASTY),
        ValueError(bus.NASTY),
        exception.Duplicate(bus.NASTY),
        exception.Forbidden(bus.NASTY),
        exception.ImageNotFound(image_id=image_id),
        webob.exc.HTTPGone(bus.NASTY),
        exception.StorageQuotaFull(image_size=10485760, remaining=6291456),
        exception.ImageSizeLimitExceeded(),
        OSError(errno.EROFS, 'Read-only file system', PATH + image_id),
        OSError(errno.EACCES, 'Permission denied', PATH + image_id),
        OSError(errno.EDQUOT, 'Disk quota exceeded', PATH + image_id),
        exception.InvalidImageData('Image failed safety checks'),
        OSError(bus.NASTY))


def upload(emitter, number):
    """Let the upload of an image fail with one of the errors."""
    image_id = bus.make_id(f'image-{number}')
    moment = datetime.datetime(2026, 11, 21, 21)
    image = mock.Mock(
        image_id=image_id, status='saving', owner=bus.PROJECT, size=1,
        created_at=moment, updated_at=moment, extra_properties={}, tags=[],
        locations=[], visibility='private', min_disk=0, min_ram=0,
        container_format='bare', disk_format='raw', checksum=None,
        protected=False, virtual_size=None, os_hidden=False,
        os_hash_algo=None, os_hash_value=None, deleted_at=None, deleted=False)
    image.name = f'image-{number}'
    image.set_data.side_effect = make_errors(image_id)[number]
    proxy = notifier.ImageProxy(image, context=mock.Mock(), notifier=emitter)
    try:
        proxy.set_data([b'x'], 1)
    except Exception:
        pass


def main(path):
    recorder = bus.Recorder('glance', 'glance', CONF)
    CONF([], project='glance', default_config_files=[])
    CONF.set_override('default_publisher_id', f'image.{bus.HOST}')
    emitter = notifier.Notifier()
    for number in range(len(make_errors(''))):
        upload(emitter, number)
    # image.prepare is in the captures.
    recorder.rows = [row for row in recorder.rows
                     if row['routing_key'] == 'notifications.error']
    recorder.write(path, 'glance', 'glance_store')


if __name__ == '__main__':
    main(sys.argv[1])
