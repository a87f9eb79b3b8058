# SPDX-License-Identifier: Apache-2.0
"""Tables of SQLAlchemy Core.

Identifiers are ASCII with a binary collation in every database: the indexes
are smaller, and all databases agree on which ids are equal.
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
    """Return the type of a time without a zone, in UTC."""
    return sa.DateTime().with_variant(
        mysql.DATETIME(fsp=6), 'mysql', 'mariadb')


def long_text():
    return sa.Text().with_variant(mysql.MEDIUMTEXT(), 'mysql', 'mariadb')


def _row_of(name, table):
    """Return a named tuple class of all columns, in their order."""
    return collections.namedtuple(name, table.c.keys(), module=__name__)


_TABLE = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4'}

messages = sa.Table(
    'messages', metadata,
    # A UUIDv7: the order of ids is the order of the messages.
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
    sa.Index('messages_project_level_idx', 'project_id', 'message_level',
             'id'),
    # For lists of all projects only.
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
    # SHA-256 of the recorded content, in hexadecimal; "imported" for the key
    # of a failure that another service's own message is about.
    sa.Column('digest', ascii_string(64), nullable=False),
    sa.Column('expires_at', utc_microseconds(), nullable=False),
    sa.Index('source_keys_expires_at_idx', 'expires_at'),
    **_TABLE)

SourceKeyRow = _row_of('SourceKeyRow', source_keys)

# Position up to which a user has read the messages of a project.
read_marks = sa.Table(
    'read_marks', metadata,
    sa.Column('project_id', ascii_string(validation.PROJECT_ID),
              primary_key=True),
    sa.Column('user_id', ascii_string(validation.USER_ID), primary_key=True),
    # Any UUID: the message may have been deleted.
    sa.Column('message_id', ascii_string(36), nullable=False),
    # By the clock of the database.
    sa.Column('expires_at', utc_microseconds(), nullable=False),
    # For the removal of a user.
    sa.Index('read_marks_user_id_idx', 'user_id', 'project_id'),
    sa.Index('read_marks_expires_at_idx', 'expires_at'),
    **_TABLE)

leases = sa.Table(
    'leases', metadata,
    # Name of a task that only one process may do at a time.
    sa.Column('name', ascii_string(64), primary_key=True),
    sa.Column('owner', ascii_string(255), nullable=False),
    # By the clock of the database.
    sa.Column('until', utc_microseconds(), nullable=False),
    **_TABLE)

forget_requests = sa.Table(
    'forget_requests', metadata,
    # "project" or "user".
    sa.Column('kind', ascii_string(16), primary_key=True),
    sa.Column('id', ascii_string(validation.PROJECT_ID), primary_key=True),
    # By the clock of the database.
    sa.Column('requested_at', utc_microseconds(), nullable=False),
    sa.Column('carried_out_at', utc_microseconds(), nullable=True),
    **_TABLE)

import_positions = sa.Table(
    'import_positions', metadata,
    # Name of a source database, with a digest of its address.
    sa.Column('source', ascii_string(64), primary_key=True),
    # By the clock of this database.
    sa.Column('read_until', utc_microseconds(), nullable=False),
    **_TABLE)

# Notifications that a driver has not delivered yet: a row for each driver, so
# that one whose broker is unavailable neither delays nor repeats the others.
outbox = sa.Table(
    'outbox', metadata,
    # message_id of the notification, a UUIDv7 of the time of the event.
    sa.Column('id', ascii_string(36), primary_key=True),
    sa.Column('driver', ascii_string(64), primary_key=True),
    sa.Column('shard', sa.SmallInteger(), nullable=False),
    # 1: a dead letter, which is not retried. 0: pending.
    sa.Column('set_aside', sa.SmallInteger(), nullable=False),
    sa.Column('event_type', ascii_string(64), nullable=False),
    sa.Column('priority', ascii_string(16), nullable=False),
    sa.Column('publisher_id', ascii_string(255), nullable=False),
    # Notifications of one subject are delivered in order.
    sa.Column('subject', ascii_string(255), nullable=False),
    sa.Column('occurred_at', utc_microseconds(), nullable=False),
    # JSON: the columns of a message, or the payload of other notifications.
    sa.Column('content', long_text(), nullable=False),
    sa.Column('queued_at', utc_microseconds(), nullable=False),
    # Failed attempts while others were delivered, and time of the next one.
    sa.Column('attempts', sa.SmallInteger(), nullable=False),
    sa.Column('due_at', utc_microseconds(), nullable=True),
    sa.Column('reason', sa.String(255), nullable=True),
    sa.Index('outbox_relay_idx', 'set_aside', 'driver', 'shard', 'id'),
    **_TABLE)

OutboxRow = _row_of('OutboxRow', outbox)

# Messages of a broker that are not notifications, or that failed rules.
dead_letters = sa.Table(
    'dead_letters', metadata,
    sa.Column('id', ascii_string(36), primary_key=True),
    # SHA-256 of the received body, in hexadecimal: a redelivered message is
    # stored once.
    sa.Column('digest', ascii_string(64), nullable=False),
    # Name of the transport in [listener] transports.
    sa.Column('transport', ascii_string(64), nullable=False),
    # Of the notification; null if the message could not be parsed.
    sa.Column('publisher_id', ascii_string(255), nullable=True),
    sa.Column('event_type', ascii_string(255), nullable=True),
    sa.Column('reason', ascii_string(255), nullable=False),
    sa.Column('body', long_text(), nullable=False),
    sa.Column('received_at', utc_microseconds(), nullable=False),
    sa.Column('expires_at', utc_microseconds(), nullable=False),
    sa.UniqueConstraint('digest'),
    sa.Index('dead_letters_expires_at_idx', 'expires_at'),
    **_TABLE)

DeadLetterRow = _row_of('DeadLetterRow', dead_letters)

# What the listener has read from notifications that describe a failure only
# together with others.
observations = sa.Table(
    'observations', metadata,
    sa.Column('ident', ascii_string(64), primary_key=True),
    sa.Column('shard', sa.SmallInteger(), nullable=False),
    sa.Column('kind', ascii_string(16), nullable=False),
    sa.Column('correlation', ascii_string(64), nullable=False),
    sa.Column('rule', ascii_string(128), nullable=False),
    # Of the sender, whose clock observed_at is of.
    sa.Column('publisher_id', ascii_string(255), nullable=False),
    sa.Column('resource', ascii_string(validation.RESOURCE_UUID),
              nullable=True),
    # To delete what belongs to a project.
    sa.Column('project_id', ascii_string(validation.PROJECT_ID),
              nullable=True),
    sa.Column('observed_at', utc_microseconds(), nullable=False),
    # By the clock of the database.
    sa.Column('arrived_at', utc_microseconds(), nullable=False),
    sa.Column('expires_at', utc_microseconds(), nullable=False),
    # 1: a cause that an earlier failure has claimed.
    sa.Column('claimed', sa.SmallInteger(), nullable=False),
    # JSON: ids and constants, no text of another service.
    sa.Column('content', sa.Text(), nullable=False),
    sa.Index('observations_correlator_idx', 'shard', 'kind', 'observed_at'),
    sa.Index('observations_arrived_at_idx', 'shard', 'kind', 'arrived_at'),
    sa.Index('observations_expires_at_idx', 'expires_at'),
    **_TABLE)

ObservationRow = _row_of('ObservationRow', observations)

# Last observed states of resources of other services.
resource_states = sa.Table(
    'resource_states', metadata,
    sa.Column('correlation', ascii_string(64), primary_key=True),
    # Empty where the state doesn't depend on the publisher.
    sa.Column('publisher_id', ascii_string(255), primary_key=True),
    sa.Column('resource', ascii_string(validation.RESOURCE_UUID),
              primary_key=True),
    # One of those that the correlation lists, or empty for any other.
    sa.Column('status', ascii_string(64), nullable=False),
    sa.Column('since', utc_microseconds(), nullable=False),
    sa.Column('observed_at', utc_microseconds(), nullable=False),
    sa.Column('expires_at', utc_microseconds(), nullable=False),
    sa.Index('resource_states_expires_at_idx', 'expires_at'),
    **_TABLE)

ResourceStateRow = _row_of('ResourceStateRow', resource_states)
