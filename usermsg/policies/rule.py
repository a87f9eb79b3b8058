# SPDX-License-Identifier: Apache-2.0
"""A rule of the policy, as the samples and the reference describe it."""

from oslo_policy import policy


def make(name, check, description, method, *paths):
    """A documented rule, for tokens of projects.

    :param check: its default, in the language of oslo.policy
    :param method: of HTTP, for which it is asked
    :param paths: likewise
    """
    return policy.DocumentedRuleDefault(
        name, check, description=description, scope_types=['project'],
        operations=[{'method': method, 'path': path} for path in paths])
