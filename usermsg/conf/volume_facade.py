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
"""``[volume_facade]``: messages of block storage, for its clients."""

from oslo_config import cfg

GROUP = cfg.OptGroup('volume_facade',
                     title='Messages of block storage, for its clients')

OPTS = [
    cfg.URIOpt(
        'public_endpoint', schemes=['http', 'https'],
        help='The address under which users reach this part, without the '
             'version: https://cloud.example.org/volume, which can be that '
             'of block storage itself, if a proxy sends its messages here. '
             'Links in answers begin with it. If it is not set they begin '
             'with what other links do, and /volume.'),
]
