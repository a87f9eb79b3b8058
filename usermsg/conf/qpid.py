# SPDX-License-Identifier: Apache-2.0
"""``[oslo_messaging_qpid]``: the notification driver ``qpid``.

Named like the groups of oslo.messaging's drivers, because any OpenStack
service can use the driver and then has this group in its configuration file.
"""

from oslo_config import cfg

GROUP = cfg.OptGroup('oslo_messaging_qpid',
                     title='The notification driver qpid: AMQP 1.0')

OPTS = [
    cfg.StrOpt(
        'hosts', default='amqp://localhost:5672', secret=True,
        help='URLs of the brokers, separated by commas: '
             'amqps://user:password@host:port, or amqp:// without TLS. They '
             'are tried in order. In a user name or password, write '
             'characters other than letters and digits as %XX.'),
    cfg.StrOpt(
        'address', default='{topic}.{priority}',
        help='Address of the node that notifications are sent to. It can '
             'contain {topic}, {priority}, {exchange} and {vhost}. The '
             'values "legacy" and "routable" stand for the addresses of the '
             'AMQP 1.0 driver that oslo.messaging contained until version '
             '14.9, so that consumers of that driver receive the '
             'notifications.'),
    cfg.StrOpt(
        'subject', default='{topic}.{priority}',
        help='Subject of each AMQP message. It can contain the same '
             'placeholders as address, and {event_type}. Brokers with '
             'exchanges use it as the routing key if the address contains '
             'none.'),
    cfg.StrOpt(
        'exchange',
        help='Value of {exchange} in address. If it is not set, '
             '[DEFAULT] control_exchange is used.'),
    cfg.StrOpt(
        'vhost',
        help='Virtual host of the broker. It is the value of {vhost} in '
             'address, also in "legacy" and "routable". If address does not '
             'contain {vhost}, the virtual host is requested when the '
             'connection is opened; RabbitMQ expects it as vhost:NAME.'),
    cfg.StrOpt(
        'create', default='no',
        choices=[
            ('no', 'The node must exist, unless the broker creates it by '
             'its own rules.'),
            ('queue', 'A broker that supports "create-on-demand", such as '
             'qpidd, creates a durable queue.'),
            ('topic', 'A broker that supports "create-on-demand" creates a '
             'topic.'),
        ],
        help='Kind of node that the broker is asked to create if the node '
             'does not exist.'),
    cfg.StrOpt(
        'envelope', default='amqp1',
        choices=[
            ('amqp1', 'The envelope of the AMQP 1.0 driver of '
             'oslo.messaging: request and context, as a string.'),
            ('none', 'No envelope: the six attributes of the notification, '
             'as JSON in bytes.'),
        ],
        help='Envelope of the notification in the body of an AMQP message.'),
    cfg.StrOpt(
        'sasl_mechanisms',
        help='SASL mechanisms that are allowed, separated by blanks. If it '
             'is not set, these are SCRAM-SHA-512, SCRAM-SHA-256, '
             'SCRAM-SHA-1 and, over TLS or with allow_plain_without_tls, '
             'PLAIN for a URL with a user name; EXTERNAL with ssl_cert_file; '
             'otherwise ANONYMOUS.'),
    cfg.BoolOpt(
        'allow_plain_without_tls', default=False,
        help='Send passwords in plain text over connections without TLS, '
             'where others can read them.'),
    cfg.StrOpt(
        'ssl_ca_file',
        help='PEM file of the certificate authorities that are trusted to '
             'sign certificates of brokers. If it is not set, those of the '
             'system are trusted. The certificate must be valid for the host '
             'name in hosts.'),
    cfg.StrOpt(
        'ssl_cert_file',
        help='PEM file of the client certificate, for brokers that request '
             'one.'),
    cfg.StrOpt(
        'ssl_key_file',
        help='PEM file of the private key of ssl_cert_file.'),
    cfg.StrOpt(
        'ssl_key_password', secret=True,
        help='Password of ssl_key_file, if the key is encrypted.'),
    cfg.FloatOpt(
        'connect_timeout', default=5.0, min=0.1, max=300,
        help='Maximum number of seconds until a connection to a broker is '
             'usable. After that, the next host is tried.'),
    cfg.FloatOpt(
        'idle_timeout', default=30.0, min=1, max=3600,
        help='Number of seconds without a frame from the broker after '
             'which a connection is considered lost. Brokers are asked to '
             'send a frame within half of that time.'),
    cfg.FloatOpt(
        'min_backoff', default=1.0, min=0.01, max=300,
        help='Maximum number of seconds before all hosts are tried again '
             'after each of them has failed. It doubles each further time '
             'that all hosts fail.'),
    cfg.FloatOpt(
        'max_backoff', default=30.0, min=0.01, max=3600,
        help='Upper limit of the doubled min_backoff, in seconds.'),
    cfg.FloatOpt(
        'delivery_timeout', default=10.0, min=0.1, max=3600,
        help='Maximum number of seconds until the broker has confirmed a '
             'notification. After that, the delivery fails: the notification '
             'is not sent any more, but if it has been sent already, it may '
             'still arrive. In usermsg-worker it must not exceed a third of '
             '[relay] lease_ttl.'),
    cfg.FloatOpt(
        'drain_timeout', default=5.0, min=0, max=300,
        help='Maximum number of seconds that a terminating process waits '
             'for outstanding confirmations.'),
    cfg.IntOpt(
        'max_in_flight', default=500, min=1, max=10000,
        help='Maximum number of unconfirmed notifications in flight to one '
             'address.'),
    cfg.IntOpt(
        'max_pending', default=10000, min=1, max=1_000_000,
        help='Maximum number of notifications that wait to be sent or '
             'confirmed, for all addresses together. The delivery of further '
             'notifications fails.'),
]
