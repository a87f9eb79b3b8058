# SPDX-License-Identifier: Apache-2.0
"""``[api]``: the HTTP service."""

from oslo_config import cfg

GROUP = cfg.OptGroup('api', title='The HTTP service')

OPTS = [
    cfg.StrOpt(
        'auth_strategy', default='keystone',
        choices=[
            ('keystone', 'Tokens are checked by keystonemiddleware, which '
             'reads [keystone_authtoken].'),
            ('noauth', 'Whoever asks is believed: the headers X-Project-Id, '
             'X-User-Id and X-Roles say who it is, an admin if they are '
             'missing. For development on one machine.'),
        ],
        help='How a request proves who sends it.'),
    cfg.BoolOpt(
        'allow_insecure_noauth', default=False,
        help='Serve with auth_strategy = noauth where others could reach '
             'the service. Without it only usermsg-api does so, and only on '
             'a loopback address.'),
    cfg.URIOpt(
        'public_endpoint', schemes=['http', 'https'],
        help='The address under which users reach the service, without the '
             'version: https://cloud.example.org/user-message. Links in '
             'responses begin with it. Without it the service starts only '
             'with trust_host_header, or as usermsg-api on a loopback '
             'address, with which links begin then.'),
    cfg.BoolOpt(
        'trust_host_header', default=False,
        help='Without public_endpoint, let links begin with what the client '
             'sent as Host; a request without a valid one is answered with '
             '400. Only for a service behind a proxy that sets this header '
             'itself: otherwise a client chooses where the links lead.'),
    cfg.IntOpt(
        'max_limit', default=1000, min=1, max=10000,
        help='The most messages in one page. Who asks for more gets this '
             'many and a link to the next page.'),
    cfg.IntOpt(
        'max_request_body_size', default=1024 * 1024, min=1024,
        help='In bytes. A request with a larger body is answered with 413.'),
    cfg.HostAddressOpt(
        'host', default='127.0.0.1',
        help='The address on which usermsg-api listens. Other WSGI servers '
             'have their own setting.'),
    cfg.PortOpt(
        'port', default=9797,
        help='The port on which usermsg-api listens; 0 takes a free one.'),
    cfg.IntOpt(
        'threads', default=8, min=1, max=256,
        help='How many requests usermsg-api handles at once.'),
    cfg.IntOpt(
        'client_timeout', default=60, min=1, max=3600,
        help='How many seconds a client of usermsg-api has to send a whole '
             'request, and again as many to take the whole answer; then the '
             'connection is closed. One without a request is closed after 30 '
             'seconds, or after 2 if all connections are in use, or after '
             'this time if it is less.'),
]
