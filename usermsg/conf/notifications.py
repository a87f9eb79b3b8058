# SPDX-License-Identifier: Apache-2.0
"""``[notifications]``: the content of notifications."""

from oslo_config import cfg
from oslo_config import types

GROUP = cfg.OptGroup('notifications', title='The content of notifications')

#: Types of notifications, and the wildcards for several of them.
EVENT_TYPES = (
    'image.create', 'image.prepare', 'image.upload', 'image.activate',
    'image.send', 'image.update', 'image.delete', 'image.member.create',
    'image.member.update', 'image.member.delete', 'message.create',
    'message.delete', 'message.expire')
WILDCARDS = ('image.*', 'image.member.*', 'message.*')

#: Payloads of image.delete, and their meaning.
IMAGE_DELETE_PAYLOADS = (
    ('id', 'the id of the image alone, as the notification is documented'),
    ('metadata', 'the metadata of the deleted image, as the OpenStack image '
                 'service sends it'))

OPTS = [
    cfg.StrOpt(
        # oslo.config searches for the pattern: without anchors, a matching
        # part of the value would be enough.
        'publisher_id', max_length=255, regex=r'\A[!-~]+\Z',
        help='Publisher of notifications: up to 255 characters of printable '
             'ASCII, without blanks. If it is not set, the host name is '
             'used, with a question mark for each character that cannot be '
             'stored.'),
    cfg.ListOpt(
        'image_properties', item_type=types.String(max_length=255),
        default=[],
        help='Names of the image properties that notifications include. All '
             'other properties are left out, because they may be '
             'confidential; by default, none is included. This applies to '
             'services that emit image notifications through this library.'),
    cfg.StrOpt(
        'image_delete_payload', choices=IMAGE_DELETE_PAYLOADS, default='id',
        help='Payload of image.delete after a success. Consumers that expect '
             'notifications of the OpenStack image service, such as '
             'Ceilometer, need the metadata. This applies to services that '
             'emit image notifications through this library.'),
    cfg.ListOpt(
        'disabled',
        item_type=types.String(choices=[*EVENT_TYPES, *WILDCARDS]),
        default=[],
        help='Types of notifications that are not sent, such as image.send, '
             'message.*; by default, all are sent. The types are '
             f'{", ".join(EVENT_TYPES)}; the wildcards are '
             f'{", ".join(WILDCARDS)}.'),
]
