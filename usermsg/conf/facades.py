# SPDX-License-Identifier: Apache-2.0
"""Messages of other services, for their clients: a group for each of them."""

from oslo_config import cfg


def _facade(segment, service):
    """``[volume_facade]`` of the segment "volume", and its options."""
    group = cfg.OptGroup(f'{segment}_facade',
                         title=f'Messages of {service}, for its clients')
    return group, [cfg.URIOpt(
        'public_endpoint', schemes=['http', 'https'],
        help=f'The address under which users reach this part, without the '
             f'version: https://cloud.example.org/{segment}, which can be '
             f'that of {service} itself, if a proxy sends its messages here. '
             f'Links in responses begin with it. If it is not set they begin '
             f'with what other links do, and /{segment}.')]


GROUPS = (_facade('share', 'the Shared File Systems service'),
          _facade('volume', 'the Block Storage service'))
