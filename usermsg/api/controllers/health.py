# SPDX-License-Identifier: Apache-2.0
"""``/healthcheck``: a status for load balancers, details for operators."""

from usermsg.api import response as responses
from usermsg.api import route
from usermsg.api import schemas
from usermsg.db import revision
from usermsg import health
from usermsg.policies import health as rules


class Health:
    def __init__(self, runtime):
        self._dialect = runtime.db.dialect
        self._health = health.DatabaseHealth(runtime.db)

    @route.handle('GET', '/healthcheck', query={},
                  responses={200: schemas.HEALTH, 503: schemas.HEALTH})
    def show(self, request, response):
        """Show the availability of the service.

        The single checks are included if the policy permits it.
        """
        state = self._health.state()

        content = {'status': _format_status(state)}
        if request.is_authenticated and request.identity.can(rules.DETAIL):
            content['checks'] = [self._view(state)]
        response.status = 503 if state.failure else 200
        return responses.json(response, content)

    def _view(self, state):
        return {
            'name': 'database',
            'status': _format_status(state),
            'failure': state.failure,
            'dialect': self._dialect,
            'latency_ms': (None if state.latency is None else
                           round(state.latency * 1000, 3)),
            'revision': state.revision,
            'needed_revision': revision.HEAD,
        }


def _format_status(state):
    return 'unavailable' if state.failure else 'available'
