# SPDX-License-Identifier: Apache-2.0
"""``/v3/messages/read-mark``: position up to which a user has read."""

from usermsg.api import body
from usermsg.api import project_scope
from usermsg.api import response as responses
from usermsg.api import route
from usermsg.api import schemas
from usermsg.message import read_marks
from usermsg.policies import messages as rules


#: Bytes of a body, which contains one id. Every reader may send one.
_MAX_BODY = 1024


class ReadMark:
    def __init__(self, runtime):
        self._marks = read_marks.ReadMarks(runtime)

    @route.handle('GET', *rules.READ_MARK, rule=rules.GET_READ_MARK, query={},
                  responses={200: schemas.READ_MARK})
    def show(self, request, response):
        """Show the read mark of the token's user and project.

        Messages with this id and lower ones are read; ``null`` if the user
        has read none.
        """
        project_scope.refuse_other(request)

        return responses.json(response, {
            'message': self._marks.get(request.identity)})

    @route.handle('PUT', *rules.READ_MARK, rule=rules.UPDATE_READ_MARK,
                  query={}, body=schemas.UPDATE_READ_MARK,
                  responses={200: schemas.READ_MARK})
    def update(self, request, response):
        """Move the read mark of the token's user and project forward.

        It never moves backwards, and not to messages that are younger than
        the delay of ascending lists. The response contains the resulting
        position, which may not be the id of a message.
        """
        project_scope.refuse_other(request)
        content = schemas.update_read_mark().check(
            body.read(request, _MAX_BODY))

        return responses.json(response, {'message': self._marks.advance(
            request.identity, content['message'])})
