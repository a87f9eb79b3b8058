# SPDX-License-Identifier: Apache-2.0
"""``[metrics]``: metrics for Prometheus."""

from oslo_config import cfg

GROUP = cfg.OptGroup('metrics', title='Metrics for Prometheus')

OPTS = [
    cfg.PortOpt(
        'port', default=0,
        help='The port on which usermsg-api serves figures, and nothing '
             'else; 0 is none. For other WSGI servers, see path.'),
    cfg.PortOpt(
        'worker_port', default=0,
        help='The port on which usermsg-worker serves figures; 0 is none.'),
    cfg.HostAddressOpt(
        'host', default='127.0.0.1',
        help='The address on which they do so. Whoever reaches it can read '
             'them.'),
    cfg.StrOpt(
        'path',
        help='A path of the API under which it serves figures, for instance '
             '/metrics. It answers only to requests from the same host that '
             'show no sign of a proxy; a proxy on the same host that adds no '
             'X-Forwarded-For must refuse it itself. If the WSGI server '
             'runs several processes, set PROMETHEUS_MULTIPROC_DIR in its '
             'environment to a directory that is empty when it starts.'),
]
