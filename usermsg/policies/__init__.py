# SPDX-License-Identifier: Apache-2.0
"""Policy rules of the API, with their defaults."""

from usermsg.policies import defined_messages
from usermsg.policies import health
from usermsg.policies import messages


def list_rules():
    """Return new rules, in the order of the generated samples.

    They are created by this function and not on import: a rule parses its
    check string, for which oslo.policy looks up plug-ins, and this may write a
    cache to the home directory of the user whose process imports the module.
    """
    return [*defined_messages.list_rules(), *messages.list_rules(),
            *health.list_rules()]
