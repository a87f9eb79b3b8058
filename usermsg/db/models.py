# SPDX-License-Identifier: Apache-2.0
"""The tables, as SQLAlchemy Core knows them.

Identifiers are ASCII and compared byte by byte in every database: smaller
indexes, and no two ids that one database thinks equal and another doesn't.
"""

import collections

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from usermsg import validation

metadata = sa.MetaData(naming_convention={
    'pk': '%(table_name)s_pkey',
    'uq': '%(table_name)s_%(column_0_N_name)s_key',
})


def ascii_string(length):
    return sa.String(length).with_variant(
        sa.String(length, collation='C'), 'postgresql').with_variant(
        mysql.VARCHAR(length, charset='ascii', collation='ascii_bin'),
        'mysql', 'mariadb')


def utc_microseconds():
    """A time without a zone: always UTC."""
    return sa.DateTime().with_variant(
        mysql.DATETIME(fsp=6), 'mysql', 'mariadb')


def long_text():
    return sa.Text().with_variant(mysql.MEDIUMTEXT(), 'mysql', 'mariadb')


def _row_of(name, table):
    """Named tuple of the values of all columns, in their order."""
    return collections.namedtuple(name, table.c.keys(), module=__name__)


_TABLE = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4'}

messages = sa.Table(
    'messages', metadata,
    # A UUIDv7: its order is the order of the messages.
    sa.Column('id', ascii_string(36), primary_key=True),
    sa.Column('prefix', ascii_string(32), nullable=False),
    sa.Column('project_id', ascii_string(validation.PROJECT_ID),
              nullable=False),
    sa.Column('user_id', ascii_string(validation.USER_ID), nullable=True),
    sa.Column('request_id', ascii_string(validation.REQUEST_ID),
              nullable=True),
    sa.Column('resource_type', ascii_string(64), nullable=True),
    sa.Column('resource_uuid', ascii_string(validation.RESOURCE_UUID),
              nullable=True),
    sa.Column('event_id', ascii_string(validation.EVENT_ID), nullable=False),
    sa.Column('action_id', ascii_string(3), nullable=True),
    sa.Column('detail_id', ascii_string(3), nullable=True),
    sa.Column('message_level', ascii_string(16), nullable=False),
    sa.Column('created_at', utc_microseconds(), nullable=False),
    sa.Column('expires_at', utc_microseconds(), nullable=False),
    sa.Index('messages_project_id_idx', 'project_id', 'id'),
    sa.Index('messages_project_prefix_id_idx', 'project_id', 'prefix', 'id'),
    sa.Index('messages_project_resource_idx', 'project_id', 'resource_uuid',
             'id'),
    sa.Index('messages_project_request_idx', 'project_id', 'request_id',
             'id'),
    # Of the lists of all projects alone.
    sa.Index('messages_resource_uuid_id_idx', 'resource_uuid', 'id'),
    sa.Index('messages_request_id_idx', 'request_id'),
    sa.Index('messages_expires_at_idx', 'expires_at'),
    **_TABLE)

MessageRow = _row_of('MessageRow', messages)

source_keys = sa.Table(
    'source_keys', metadata,
    sa.Column('project_id', ascii_string(validation.PROJECT_ID),
              primary_key=True),
    sa.Column('source_id', ascii_string(validation.SOURCE_ID),
              primary_key=True),
    sa.Column('message_id', ascii_string(36), nullable=False),
    # SHA-256 of what was recorded, in hex.
    sa.Column('digest', ascii_string(64), nullable=False),
    sa.Column('expires_at', utc_microseconds(), nullable=False),
    sa.Index('source_keys_expires_at_idx', 'expires_at'),
    **_TABLE)

SourceKeyRow = _row_of('SourceKeyRow', source_keys)

leases = sa.Table(
    'leases', metadata,
    # Of what only one process may do at a time.
    sa.Column('name', ascii_string(64), primary_key=True),
    sa.Column('owner', ascii_string(255), nullable=False),
    # By the clock of the database.
    sa.Column('until', utc_microseconds(), nullable=False),
    **_TABLE)

# A notification that a driver has not delivered yet: a row for each driver,
# so that one whose broker is away holds up no other and repeats none.
outbox = sa.Table(
    'outbox', metadata,
    # The notification's message_id, a UUIDv7 of the time of the event.
    sa.Column('id', ascii_string(36), primary_key=True),
    sa.Column('driver', ascii_string(64), primary_key=True),
    sa.Column('shard', sa.SmallInteger(), nullable=False),
    sa.Column('set_aside', sa.SmallInteger(), nullable=False),
    sa.Column('event_type', ascii_string(64), nullable=False),
    sa.Column('priority', ascii_string(16), nullable=False),
    sa.Column('publisher_id', ascii_string(255), nullable=False),
    # What it is about: the order within a subject is kept.
    sa.Column('subject', ascii_string(255), nullable=False),
    sa.Column('occurred_at', utc_microseconds(), nullable=False),
    # JSON: of messages the columns, of others the payload.
    sa.Column('content', long_text(), nullable=False),
    sa.Column('queued_at', utc_microseconds(), nullable=False),
    # Failures while others were delivered, and when to try again.
    sa.Column('attempts', sa.SmallInteger(), nullable=False),
    sa.Column('due_at', utc_microseconds(), nullable=True),
    sa.Column('reason', sa.String(255), nullable=True),
    sa.Index('outbox_relay_idx', 'set_aside', 'driver', 'shard', 'id'),
    **_TABLE)

OutboxRow = _row_of('OutboxRow', outbox)
