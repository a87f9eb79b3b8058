# SPDX-License-Identifier: Apache-2.0
"""Periodic imports from other services, one option group for each."""

from oslo_config import cfg


def _source(name, service, program):
    """Return the option group of a source database, and its options."""
    group = cfg.OptGroup(f'import_{name}',
                         title=f'Periodic import of messages of {service}')
    return group, [
        cfg.StrOpt(
            'connection', secret=True,
            help=f'URL of the database of {service} ({program}), of an '
                 f'account that may only read its tables messages and '
                 f'alembic_version. If it is set, usermsg-worker imports the '
                 f'messages that the service stores.'),
        cfg.IntOpt(
            'interval', default=60, min=1, max=24 * 3600,
            help='Number of seconds that usermsg-worker waits between two '
                 'imports.'),
        cfg.IntOpt(
            'batch_size', default=500, min=1, max=1000,
            help='Maximum number of rows that are read and stored in one '
                 'transaction.'),
        cfg.BoolOpt(
            'any_revision', default=False,
            help='Import from tables of an unsupported or unknown revision '
                 'that have the supported columns.'),
    ]


GROUPS = (_source('share', 'the Shared File Systems service', 'manila'),
          _source('volume', 'the Block Storage service', 'cinder'))
