# SPDX-License-Identifier: Apache-2.0
"""``[notifications]``: what notifications say."""

from oslo_config import cfg
from oslo_config import types

GROUP = cfg.OptGroup('notifications', title='What notifications say')

OPTS = [
    cfg.StrOpt(
        # oslo.config searches for it: without anchors a part would do.
        'publisher_id', max_length=255, regex=r'\A[!-~]+\Z',
        help='Who notifications say they come from: up to 255 characters of '
             'ASCII, no blanks. The name of the host, if nothing is set; '
             'what cannot be stored in it becomes a question mark.'),
    cfg.ListOpt(
        'image_properties', item_type=types.String(max_length=255),
        default=[],
        help='The only properties of images that notifications tell: others '
             'may hold what is nobody else\'s business. It counts for '
             'services that tell of images through this library.'),
]
