# SPDX-License-Identifier: Apache-2.0
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
