# SPDX-License-Identifier: Apache-2.0
"""``[listener]``: notifications of other services as a source of messages."""

from oslo_config import cfg
from oslo_config import types

GROUP = cfg.OptGroup('listener', title='Notifications of other services')

#: Group of one transport, whose name replaces "name".
TRANSPORT_GROUP = cfg.OptGroup(
    'listener_transport_name', title='Transport of the listener',
    dynamic_group_owner='listener.transports')

#: Values of ``control_exchange`` in unmodified services. That of Cinder,
#: Manila and others is the default of oslo.messaging.
EXCHANGES = ['openstack', 'designate', 'glance', 'heat', 'ironic', 'keystone',
             'magnum', 'manila', 'neutron', 'nova', 'trove']

# Without the wildcards of routing keys.
_WORD = types.String(regex=r'\A[!-"$-)+-~]{1,200}\Z')

OPTS = [
    cfg.BoolOpt(
        'enabled', default=False,
        help='usermsg-worker receives notifications of other services and '
             'turns failures into user messages.'),
    cfg.BoolOpt(
        'correlator_enabled', default=True,
        help='usermsg-worker decides about failures that several '
             'notifications describe, if the listener is enabled. At least '
             'one worker must do so.'),
    cfg.BoolOpt(
        'forget', default=True,
        help='When Keystone notifies of the deletion of a project, its '
             'messages are removed, and when it notifies of the deletion of '
             'a user, the id of the user is removed from messages. Only from '
             'trusted transports.'),
    cfg.ListOpt(
        'transports', default=['default'],
        item_type=types.String(regex=r'\A[a-z0-9_]{1,32}\Z'),
        help='Names of the brokers to listen to. The options of each are in '
             'the group [listener_transport_NAME].'),
    cfg.StrOpt(
        'pool', default='usermsg', regex=r'\A[A-Za-z0-9_.-]{1,100}\Z',
        help='Prefix of the names of the queues of the listener, which are '
             'POOL.TRANSPORT. All workers with the same pool share the '
             'notifications; workers with another pool receive all of them '
             'again.'),
    cfg.StrOpt(
        'queue_type', default='durable', choices=(
            ('durable', 'a classic queue that survives a restart of the '
                        'broker'),
            ('quorum', 'a queue that several members of a cluster hold')),
        help='Type of the queues of the listener. An existing queue keeps '
             'its type.'),
    cfg.IntOpt(
        'batch_size', default=100, min=1, max=500,
        help='Maximum number of notifications that are handled in one '
             'transaction. As many again are fetched from the broker '
             'meanwhile.'),
    cfg.IntOpt(
        'max_age', default=24 * 3600, min=60, max=366 * 24 * 3600,
        help='Number of seconds after which a notification is too old to be '
             'reported; the default is one day. It is counted and ignored, '
             'except for the deletion of a project or user, and for a '
             'message that a service reports over the bus.'),
    cfg.StrOpt(
        'rules_dir',
        help='Directory of YAML files with rules that are evaluated before '
             'the included ones, and replace those of the same name. Changed '
             'files are read again within five seconds. Check the files with '
             '"usermsg-manage listener test".'),
    cfg.ListOpt(
        'ignored_projects', default=[],
        help='Ids of projects whose resources cause no messages, such as the '
             'project of the services.'),
    cfg.IntOpt(
        'correlation_delay', default=10, min=1, max=600,
        help='Number of seconds after the arrival of an observation in which '
             'others that belong to it can arrive. Then the correlator '
             'decides, and later ones have no effect. Messages about these '
             'failures are late by this time.'),
    cfg.FloatOpt(
        'correlation_window', default=2, min=0.1, max=3600,
        help='Number of seconds by which the cause of a failure can be older '
             'than the state that proves the failure, by the clock of the '
             'service that sends both. A correlation can declare another '
             'window.'),
    cfg.IntOpt(
        'dead_letter_ttl', default=7 * 24 * 3600, min=60,
        max=366 * 24 * 3600,
        help='Number of seconds for which a dead letter is kept: a message '
             'of the broker that is not a notification, or a notification '
             'that the rules cannot handle. The default is 7 days.'),
    cfg.IntOpt(
        'dead_letter_limit', default=1000, min=0, max=100_000,
        help='Maximum number of dead letters. Further ones are counted but '
             'not stored.'),
]

TRANSPORT_OPTS = [
    cfg.StrOpt(
        'transport_url', secret=True,
        help='URL of the broker. If it is not set, that of '
             '[oslo_messaging_notifications] applies. Options of '
             '[oslo_messaging_rabbit] that differ for this broker can be '
             'added after a "?".'),
    cfg.ListOpt(
        'exchanges', item_type=_WORD, default=EXCHANGES,
        help='Exchanges of the services: the values of their [DEFAULT] '
             'control_exchange. The listener declares none; it looks for '
             'missing exchanges again and again.'),
    cfg.ListOpt(
        'topics', item_type=_WORD,
        default=['notifications', 'versioned_notifications',
                 'ironic_versioned_notifications'],
        help='Topics of the services: the values of their '
             '[oslo_messaging_notifications] topics. Nova and Ironic have '
             'further topics for versioned notifications.'),
    cfg.BoolOpt(
        'trusted', default=False,
        help='Every client that can publish to the exchanges is a service '
             'of the cloud. Only then can a notification have messages '
             'deleted, and are messages recorded that services report over '
             'the bus.'),
]


def register_transports(conf):
    """Register the group of each transport, once the names are read."""
    for name in conf['listener'].transports:
        conf.register_opts(TRANSPORT_OPTS, group=f'listener_transport_{name}')
