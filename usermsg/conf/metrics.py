# SPDX-License-Identifier: Apache-2.0
"""``[metrics]``: metrics for Prometheus."""

from oslo_config import cfg

GROUP = cfg.OptGroup('metrics', title='Metrics for Prometheus')

OPTS = [
    cfg.PortOpt(
        'port', default=0,
        help='TCP port on which usermsg-api serves metrics, and nothing '
             'else; 0 disables it. For other WSGI servers, see path.'),
    cfg.PortOpt(
        'worker_port', default=0,
        help='TCP port on which usermsg-worker serves metrics; 0 disables '
             'it.'),
    cfg.HostAddressOpt(
        'host', default='127.0.0.1',
        help='Address on which port and worker_port serve metrics. Every '
             'client that can reach it can read them.'),
    cfg.StrOpt(
        'path',
        help='Path of the API under which it serves metrics, for example '
             '/metrics. If it is not set, the API serves none. Only requests '
             'from the same host without a header of a proxy get them; a '
             'proxy on the same host that does not add X-Forwarded-For must '
             'block the path itself. If the WSGI server runs several '
             'processes, set PROMETHEUS_MULTIPROC_DIR in its environment to '
             'a directory that is empty when the server starts.'),
]
