# SPDX-License-Identifier: Apache-2.0
"""``/v3/messages``: messages of projects."""

import datetime
import hashlib
import itertools
import re
import sys

from usermsg.api import body
from usermsg.api import errors
from usermsg.api import message_filters
from usermsg.api import project_scope
from usermsg.api import query
from usermsg.api import response as responses
from usermsg.api import route
from usermsg.api import schemas
from usermsg import exception
from usermsg.message import api as message_api
from usermsg.policies import messages as rules

_MICROSECOND = datetime.timedelta(microseconds=1)

#: A project id in a body that isn't parsed. Only keys match: within a string,
#: JSON has a backslash before each quote.
_PROJECT_ID = re.compile(r'"project_id"\s*:\s*"([^"\\]*)"')

#: Keys of the WSGI environment that determine a list, together with the
#: messages: page, filters and base of links, microversion, language, and the
#: identity, whose roles permit it.
_TAGGED = (
    'wsgi.url_scheme', 'SERVER_NAME', 'SERVER_PORT', 'HTTP_HOST',
    'SCRIPT_NAME', 'PATH_INFO', 'QUERY_STRING', 'HTTP_OPENSTACK_API_VERSION',
    'HTTP_ACCEPT_LANGUAGE', 'HTTP_X_PROJECT_ID', 'HTTP_X_USER_ID',
    'HTTP_X_ROLES')


#: Columns of a view, see _build_views.
_COLUMNS = frozenset((
    'id', 'project_id', 'request_id', 'resource_type', 'resource_uuid',
    'event_id', 'message_level', 'created_at', 'expires_at'))


class Messages:
    def __init__(self, runtime, limiter):
        self._limiter = limiter
        self._api = message_api.API(runtime)
        self._rate_limit = runtime.rate_limit
        self._catalogue = runtime.catalogue
        # The form of a message and all texts, which change with an upgrade,
        # and the base of links.
        self._content_tag = hashlib.sha256(repr((
            schemas.MESSAGES, self._catalogue.digest,
            runtime.conf.api.public_endpoint)).encode()).hexdigest()
        self._max_limit = runtime.conf.api.max_limit
        self._max_body = runtime.conf.api.max_request_body_size

    @route.handle('GET', *rules.COLLECTION, rule=rules.GET_ALL,
                  query=schemas.LIST_QUERY,
                  responses={200: schemas.MESSAGES, 304: None,
                             429: schemas.ERROR})
    def list(self, request, response):
        """List messages.

        Newest first. Without a filter by project, the messages of the
        token's project. With ``latest_by=resource``, the newest message of
        each resource in ``resource_uuid`` that has one.
        """
        context, environ = request.identity, request.environ
        filters, all_projects = message_filters.read(request)
        prepare = (self._prepare_latest if 'latest_by' in request.query else
                   self._prepare_page)
        limit, listing = prepare(request, filters, all_projects)

        # Whether a message is unread depends on the user.
        responses.set_language(
            request, response, 'Accept-Language, X-Auth-Token')
        with self._limiter.admit(
                context.project_id, listing.find_cause(),
                environ['wsgi.multithread']):
            if 'HTTP_IF_NONE_MATCH' in environ and listing.read_ids:
                tag = self._tag(environ, *listing.read_ids())
                if responses.has_copy(request, tag):
                    return responses.not_modified(response, tag)
            page = listing.read()

        rows = page.rows
        tag = self._tag(environ, [row[0] for row in rows], page.read_mark)
        if responses.has_copy(request, tag):
            return responses.not_modified(response, tag)
        views = self._build_views(request, rows[:limit])
        if not all_projects:
            read_mark = page.read_mark or ''
            for view in views:
                view['unread'] = view['id'] > read_mark
        content = {'messages': views}
        if len(rows) > limit:
            content['messages_links'] = [query.build_next_link(
                request.address, request.query, views[-1]['id'])]
        return responses.json(responses.set_tag(response, tag), content)

    def _prepare_latest(self, request, filters, all_projects):
        values = request.query
        if values['latest_by'] != 'resource':
            raise exception.InvalidInput('latest_by', 'must be resource.')
        for name in values:
            if name not in schemas.LATEST_QUERY:
                raise exception.InvalidInput(
                    name, 'cannot be combined with latest_by.')
        return sys.maxsize, self._api.prepare_latest(
            request.identity, filters, all_projects,
            reads_mark=not all_projects)

    def _prepare_page(self, request, filters, all_projects):
        """Return the number of messages in the page, and the listing."""
        values = request.query
        limit = query.limit(values, self._max_limit)
        sort = values.get('sort', schemas.SORT_KEY)
        if sort == schemas.SORT_KEY:
            sort = message_api.NEWEST_FIRST
        return limit, self._api.prepare_list(
            request.identity, filters, marker=values.get('marker'),
            # One more than the page shows that there is a next page.
            limit=limit + 1,
            sort=sort, all_projects=all_projects, reads_mark=not all_projects,
            columns=_COLUMNS,
            min_age=(self._api.follow_delay
                     if sort == message_api.OLDEST_FIRST else None))

    def _tag(self, environ, ids, read_mark):
        """Return the ETag of a list: a digest of all that it depends on.

        A message never changes, so its id stands for it. The exception is a
        message of the listener whose cause an import completes: a client
        sees that with the next change of the list.
        """
        return hashlib.sha256('\n'.join((
            self._content_tag, *[str(environ.get(name)) for name in _TAGGED],
            str(read_mark), *sorted(ids))).encode()).hexdigest()[:32]

    @route.handle('POST', *rules.COLLECTION, rule=rules.CREATE, query={},
                  body=schemas.CREATE,
                  responses={201: schemas.CREATED, 200: schemas.CREATED,
                             409: schemas.REJECTED, 410: schemas.ERROR,
                             429: schemas.ERROR})
    def create(self, request, response):
        """Record messages: one, or a batch.

        With invalid input no message of a batch is recorded. Otherwise each
        message has its own status: 201 if it is new; 200 if it was already
        recorded with its source_id; with an ``error``, 409 if the source_id
        was used with different content, and 410 if the message recorded with
        it has been deleted. The status of the response is 201 if any message
        is new, else 200 if any was already recorded, else 409.

        A caller that records too many messages, for a project or for all
        projects together, gets 429, and nothing is recorded: Retry-After is
        the number of seconds to wait.
        """
        project_scope.refuse_other(request)
        identity = request.identity
        caller = identity.user_id or identity.project_id
        self._rate_limit.check(caller, [])
        try:
            results = self._record(request, caller)
        except exception.RateLimited as error:
            # The same request needs the tokens of the refusal as well.
            delay = self._rate_limit.charge(
                caller, request.content_length or self._max_body)
            raise exception.RateLimited(
                error.limit, error.retry_after + delay) from None

        if 'message' in results:
            content = self._build_single(
                request, response, results['message'])
        else:
            content = self._build_batch(request, response, results)
        return responses.localized_json(request, response, content)

    def _record(self, request, caller):
        """Return a dict: path of a message in the body -> its result.

        :raises usermsg.exception.RateLimited: none was recorded
        """
        new_messages = self._parse(request, body.read(
            request, self._max_body,
            lambda data: self._check_rate(caller, data)))
        with self._rate_limit.hold(caller, [
                new_message.row.project_id
                for new_message in new_messages.values()]) as stored:
            results = self._api.record(list(new_messages.values()))
            stored += [result.row.project_id for result in results
                       if result.new]
        return dict(zip(new_messages, results))

    def _check_rate(self, caller, data):
        """Check the rate before the body is parsed and validated.

        To parse the largest batch takes milliseconds, which a client that
        ignores the refusals would cost with each request. Project ids with
        escape sequences are not found here, so the rate is checked again.
        Of a batch that is too large no more than the largest one counts: it
        is invalid, and no wait would make it fit.
        """
        matches = _PROJECT_ID.finditer(data.decode('latin-1'))
        self._rate_limit.check(caller, [
            match[1] for match in itertools.islice(
                matches, schemas.MAX_BATCH)])

    def _parse(self, request, content):
        """Return a dict: path of a message in the body -> NewMessage.

        Errors name the path, such as ``messages[3]``.
        """
        schemas.new_messages().check(content)
        entries = content if 'message' in content else {
            f'messages[{number}]': entry
            for number, entry in enumerate(content['messages'])}
        now = self._api.now()
        new_messages = {}
        for number, (place, entry) in enumerate(entries.items()):
            if entry.get('request_id') is None:
                entry['request_id'] = request.global_request_id
            # Distinct times, so that lists keep the order of the batch.
            new_messages[place] = self._api.new_message(
                entry, created_at=now + number * _MICROSECOND, place=place)
        return new_messages

    def _build_single(self, request, response, result):
        if result.error is not None:
            raise result.error.at('message')
        [view] = self._build_views(request, [result.row])
        if result.new:
            response.status = 201
            response.headers['Location'] = view['links'][0]['href']
        return {'message': view}

    def _build_batch(self, request, response, results):
        request_id = request.environ['openstack.request_id']
        stored = [result for result in results.values()
                  if result.error is None]
        views = iter(self._build_views(
            request, [result.row for result in stored]))
        entries, rejected = [], []
        for place, result in results.items():
            if result.error is None:
                entries.append({**next(views),
                                'status': 201 if result.new else 200})
            else:
                error = errors.entry(result.error.at(place), request_id)
                rejected.append(error)
                entries.append({'status': error['status'], 'error': error})
        if any(result.new for result in stored):
            response.status = 201
        elif not stored:
            response.status = 409
            return {'messages': entries, **errors.content(rejected)}
        return {'messages': entries}

    @route.handle('GET', *rules.ELEMENT, rule=rules.GET, query={},
                  responses={200: schemas.MESSAGE})
    def show(self, request, response):
        """Show a message."""
        context = request.identity

        message = self._api.get(
            context, request.path_value('message_id'),
            all_projects=context.can(rules.READ_ALL_PROJECTS),
            project_id=project_scope.other_project_id(request))

        return responses.localized_json(request, response, {
            'message': self._build_views(request, [message.row])[0]})

    @route.handle('DELETE', *rules.ELEMENT, rule=rules.DELETE, query={},
                  responses={204: None})
    def delete(self, request, response):
        """Delete a message permanently."""
        context = request.identity
        other_project_id = project_scope.other_project_id(request)

        self._api.delete(
            context, request.path_value('message_id'),
            # A message of another project can be deleted only through a path
            # without that project: naming it there confers no permission.
            all_projects=(other_project_id is None and
                          context.can(rules.DELETE_ALL_PROJECTS)),
            project_id=other_project_id)

        response.status = 204
        return response

    def _build_views(self, request, rows):
        """Return the representation of each message.

        :param rows: see :class:`usermsg.objects.message.MessageList`
        """
        describe = self._catalogue.describe
        language = request.language
        address = f'{request.endpoint}/v3/messages/'
        views = []
        # Most of the time of a list is spent in its rows. To look up each
        # column by its name would take a third of the time of this loop;
        # benchmarks/api.py shows it.
        for (message_id, _prefix, project_id, _user_id, request_id,
             resource_type, resource_uuid, event_id, _action_id, _detail_id,
             message_level, created_at, expires_at, *_read_mark) in rows:
            description = describe(event_id, language)
            views.append({
                'id': message_id,
                'project_id': project_id,
                'event_id': event_id,
                'user_message': description.user_message,
                'remedy': description.remedy,
                'user_fixable': description.user_fixable,
                'retryable': description.retryable,
                'link': description.link,
                'message_level': message_level,
                'resource_type': resource_type,
                'resource_uuid': resource_uuid,
                'created_at': created_at,
                'guaranteed_until': expires_at,
                'request_id': request_id,
                'links': [{'rel': 'self', 'href': address + message_id}],
            })
        return views
