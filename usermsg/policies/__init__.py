# SPDX-License-Identifier: Apache-2.0
"""The rules of who may do what, with their defaults."""

from usermsg.policies import defined_messages
from usermsg.policies import health
from usermsg.policies import messages


def list_rules():
    """New rules, in the order in which the samples show them.

    Made when asked for and not on import: a rule parses its check string, for
    which oslo.policy looks for plug-ins, and that may write a cache below the
    home directory of whoever imports us.
    """
    return [*defined_messages.list_rules(), *messages.list_rules(),
            *health.list_rules()]
