# SPDX-License-Identifier: Apache-2.0
"""Facades for clients of other services, one option group for each."""

from oslo_config import cfg


def _facade(segment, service):
    """Return the option group of a facade, and its options.

    :param segment: path segment; ``volume`` has ``[volume_facade]``
    """
    group = cfg.OptGroup(f'{segment}_facade',
                         title=f'The messages API of {service}')
    return group, [cfg.URIOpt(
        'public_endpoint', schemes=['http', 'https'],
        help=f'Public base URL of this facade, without the version, for '
             f'example https://cloud.example.org/{segment}. It can be the '
             f'URL of {service} itself, if a proxy forwards requests for '
             f'messages to usermsg. Links in responses begin with it. If it '
             f'is not set, they begin with the base URL of the native API, '
             f'followed by /{segment}.')]


GROUPS = (_facade('share', 'the Shared File Systems service'),
          _facade('volume', 'the Block Storage service'))
