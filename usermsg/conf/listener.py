# SPDX-License-Identifier: Apache-2.0
"""``[listener]``: messages from notifications of other services."""

from oslo_config import cfg

GROUP = cfg.OptGroup('listener',
                     title='Messages from notifications of other services')

OPTS = [
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
]
