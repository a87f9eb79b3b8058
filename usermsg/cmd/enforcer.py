# SPDX-License-Identifier: Apache-2.0
"""Our policy for the tools of oslo.policy.

``oslopolicy-list-redundant``, ``oslopolicy-validator`` and
``oslopolicy-policy-generator`` find it as ``--namespace usermsg``.
"""

import argparse
import sys

from oslo_config import cfg
from oslo_policy import opts as policy_opts

from usermsg import config
from usermsg import exception
from usermsg import policy


def get_enforcer():
    """An enforcer on the configuration that the tool's command line names.

    The rest of that command line is the tool's own.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('--config-file', action='append', default=[])
    found, _rest = parser.parse_known_args(sys.argv[1:])
    try:
        conf = config.load_config(
            [f'--config-file={path}' for path in found.config_file])
        policy.read_files(conf)
        enforcer = policy.make_enforcer(conf)
    except exception.ConfigurationError as error:
        sys.exit(f'The policy of usermsg cannot be used: {error}')
    # oslopolicy-validator opens the file that the global configuration of its
    # process names.
    name = conf.oslo_policy.policy_file
    policy_opts.set_defaults(cfg.CONF, conf.find_file(name) or name)
    return enforcer
