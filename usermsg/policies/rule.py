# SPDX-License-Identifier: Apache-2.0
"""Construction of documented policy rules."""

from oslo_policy import policy


def make(name, check, description, method, *paths):
    """Return a documented rule for project-scoped tokens.

    :param check: the default check string of oslo.policy
    :param method: HTTP method of the operations that enforce it
    :param paths: paths of these operations
    """
    return policy.DocumentedRuleDefault(
        name, check, description=description, scope_types=['project'],
        operations=[{'method': method, 'path': path} for path in paths])
