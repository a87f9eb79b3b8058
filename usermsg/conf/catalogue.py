# SPDX-License-Identifier: Apache-2.0
"""``[catalogue]``: what may be said."""

from oslo_config import cfg

GROUP = cfg.OptGroup('catalogue', title='The catalogue of permitted messages')

OPTS = [
    cfg.StrOpt(
        'overlay_dir',
        help='A directory of YAML files that reword messages, add remedies, '
             'links and languages, or declare messages under a prefix of '
             'your own. Check them with "usermsg-manage catalogue '
             'validate".'),
]
