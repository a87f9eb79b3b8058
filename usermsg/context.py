# SPDX-License-Identifier: Apache-2.0
"""Who asks, and under which request."""

from oslo_context import context

from usermsg import exception


class RequestContext(context.RequestContext):
    """A context of oslo.context that can ask the policy.

    ``RequestContext()`` alone serves to record messages through the
    library. The HTTP service gives each the policy of its runtime.

    :param policy: a :class:`usermsg.policy.Policy`, None where nothing is
        authorised
    """

    def __init__(self, *args, policy=None, **kwargs):
        super().__init__(*args, **kwargs)
        self._policy = policy

    def can(self, rule, project_id=None):
        """Whether the policy allows a rule.

        :param project_id: the project that owns what is asked for; the
            context's own if left out
        """
        if self._policy is None:
            return False
        return self._policy.allows(self, rule, project_id or self.project_id)

    def authorize(self, rule, project_id=None):
        """:raises usermsg.exception.Forbidden: the policy doesn't allow it"""
        if not self.can(rule, project_id):
            raise exception.Forbidden(rule)
