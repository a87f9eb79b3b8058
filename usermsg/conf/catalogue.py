# SPDX-License-Identifier: Apache-2.0
"""``[catalogue]``: the permitted messages."""

from oslo_config import cfg

GROUP = cfg.OptGroup('catalogue', title='The catalogue of permitted messages')

OPTS = [
    cfg.StrOpt(
        'overlay_dir',
        help='Directory of YAML files that reword messages, add remedies, '
             'links and languages, or declare messages under a separate '
             'prefix. If it is not set, messages are shown as usermsg and '
             'the installed plug-ins define them. Check the files with '
             '"usermsg-manage catalogue validate".'),
]
