# SPDX-License-Identifier: Apache-2.0
"""``[oslo_messaging_qpid]``: the notification driver ``qpid``.

Named like the groups of oslo.messaging's own drivers, as any OpenStack
service can name the driver and then has this group in its own file.
"""

from oslo_config import cfg

GROUP = cfg.OptGroup('oslo_messaging_qpid',
                     title='The notification driver qpid: AMQP 1.0')

OPTS = [
    cfg.StrOpt(
        'hosts', default='amqp://localhost:5672', secret=True,
        help='The servers, one or more addresses with commas between them: '
             'amqps://user:password@host:port, or amqp:// without TLS. They '
             'are tried one after the other. In a user name or a password, '
             'write other characters than letters and digits as %XX.'),
    cfg.StrOpt(
        'address', default='{topic}.{priority}',
        help='The node to send to, which can have {topic}, {priority}, '
             '{exchange} and {vhost} in it; or "legacy" or "routable", the '
             'forms of the AMQP 1.0 driver that oslo.messaging had until '
             'version 14.9, whose consumers find them then.'),
    cfg.StrOpt(
        'subject', default='{topic}.{priority}',
        help='What a message has as its subject, of the same parts and '
             '{event_type}. Brokers with exchanges take it as the routing '
             'key where the address holds none.'),
    cfg.StrOpt(
        'exchange',
        help='The {exchange} of an address; control_exchange of [DEFAULT] '
             'if it is not set.'),
    cfg.StrOpt(
        'vhost',
        help='A virtual host of the server: the {vhost} of an address, also '
             'of "legacy" and "routable". If the address has no place for '
             'it, the connection asks for it instead; RabbitMQ wants it as '
             'vhost:NAME.'),
    cfg.StrOpt(
        'create', default='no',
        choices=[
            ('no', 'The node must exist, or the server makes it by rules of '
             'its own.'),
            ('queue', 'A server that knows "create-on-demand", such as '
             'qpidd, makes a durable queue.'),
            ('topic', 'The same, with a topic.'),
        ],
        help='What happens if the node does not exist.'),
    cfg.StrOpt(
        'envelope', default='amqp1',
        choices=[
            ('amqp1', 'That of the AMQP 1.0 driver of oslo.messaging: '
             'request and context, a string.'),
            ('none', 'The six attributes alone, JSON in bytes.'),
        ],
        help='What is around a notification.'),
    cfg.StrOpt(
        'sasl_mechanisms',
        help='The SASL mechanisms that may be used, with blanks between '
             'them. If it is not set: for a user name SCRAM-SHA-512, '
             'SCRAM-SHA-256, SCRAM-SHA-1 and, if it is safe, PLAIN; '
             'EXTERNAL with a certificate of our own; else ANONYMOUS.'),
    cfg.BoolOpt(
        'allow_plain_without_tls', default=False,
        help='Send passwords as they are over connections that others can '
             'read.'),
    cfg.StrOpt(
        'ssl_ca_file',
        help='The authorities that are trusted to sign certificates of '
             'servers, a file in PEM; those of the system if it is not '
             'set. A certificate must be for the name in hosts.'),
    cfg.StrOpt(
        'ssl_cert_file',
        help='Our certificate, in PEM, for servers that ask for one.'),
    cfg.StrOpt(
        'ssl_key_file',
        help='The key of ssl_cert_file, in PEM.'),
    cfg.StrOpt(
        'ssl_key_password', secret=True,
        help='The password of ssl_key_file, if it has one.'),
    cfg.FloatOpt(
        'connect_timeout', default=5.0, min=0.1, max=300,
        help='How many seconds a server has until the connection is of '
             'use.'),
    cfg.FloatOpt(
        'idle_timeout', default=30.0, min=1, max=3600,
        help='After how many seconds without a sign of life a connection is '
             'given up. Servers are asked to show one in half that time.'),
    cfg.FloatOpt(
        'min_backoff', default=1.0, min=0.01, max=300,
        help='How many seconds pass, at most, after all hosts have failed '
             'until they are tried again. It doubles each time.'),
    cfg.FloatOpt(
        'max_backoff', default=30.0, min=0.01, max=3600,
        help='How long that becomes.'),
    cfg.FloatOpt(
        'delivery_timeout', default=10.0, min=0.1, max=3600,
        help='How many seconds a notification has until the server has '
             'confirmed it. After that whoever sent it is told that it was '
             'not delivered. It is not sent any more then, but if it was on '
             'its way already it may still arrive. Where usermsg-worker '
             'sends them, a third of [relay] lease_ttl at most.'),
    cfg.FloatOpt(
        'drain_timeout', default=5.0, min=0, max=300,
        help='How many seconds a process that ends gives to what is still '
             'to be confirmed.'),
    cfg.IntOpt(
        'max_in_flight', default=500, min=1, max=10000,
        help='How many notifications to one address can be on their way '
             'unconfirmed.'),
    cfg.IntOpt(
        'max_pending', default=10000, min=1, max=1_000_000,
        help='How many notifications can wait altogether. What comes beyond '
             'that is not delivered.'),
]
