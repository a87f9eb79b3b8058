# SPDX-License-Identifier: Apache-2.0
"""Policy enforcer for the command-line tools of oslo.policy.

``oslopolicy-list-redundant``, ``oslopolicy-validator`` and
``oslopolicy-policy-generator`` load it with ``--namespace usermsg``.
"""

import argparse
import sys

from oslo_config import cfg
from oslo_policy import opts as policy_opts

from usermsg import config
from usermsg import exception
from usermsg import policy


def get_enforcer():
    """Return an enforcer for the ``--config-file`` of the tool's command line.

    The tool itself parses the other options.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('--config-file', action='append', default=[])
    arguments, _rest = parser.parse_known_args(sys.argv[1:])
    try:
        conf = config.load_config(
            [f'--config-file={path}' for path in arguments.config_file])
        policy.read_files(conf)
        enforcer = policy.make_enforcer(conf)
    except exception.ConfigurationError as error:
        sys.exit(f'The policy of usermsg cannot be used: {error}')
    # oslopolicy-validator opens the file that is set in the global
    # configuration of its process.
    policy_file = conf.oslo_policy.policy_file
    policy_opts.set_defaults(cfg.CONF,
                             conf.find_file(policy_file) or policy_file)
    return enforcer
