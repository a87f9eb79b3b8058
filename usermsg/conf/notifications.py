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
"""``[notifications]``: what other systems are told."""

from oslo_config import cfg
from oslo_config import types

GROUP = cfg.OptGroup('notifications', title='Notifications')

OPTS = [
    cfg.StrOpt(
        'publisher_id', max_length=255,
        help='Who notifications say that they are from. If it is not set, '
             'the name of the host.'),
    cfg.ListOpt(
        'image_properties', item_type=types.String(max_length=255),
        default=[],
        help='The only properties of images that notifications tell; others '
             'may hold what is nobody else\'s business. It counts for '
             'services that tell of images through this library.'),
]
