# SPDX-License-Identifier: Apache-2.0
"""``[share_facade]``: messages of shared file systems, for their clients."""

from oslo_config import cfg

GROUP = cfg.OptGroup('share_facade',
                     title='Messages of shared file systems, for their '
                           'clients')

OPTS = [
    cfg.URIOpt(
        'public_endpoint', schemes=['http', 'https'],
        help='The address under which users reach this part, without the '
             'version: https://cloud.example.org/share, which can be that '
             'of the shared file systems itself, if a proxy sends its '
             'messages here. Links in answers begin with it. If it is not '
             'set they begin with what other links do, and /share.'),
]
