# SPDX-License-Identifier: Apache-2.0
"""Decisions about failures that no single notification describes.

The state of a resource, or a report of a failure, proves the failure and
contains its owner. Notifications beside it may contain the cause. This module
has no database, broker or clock; :mod:`usermsg.listener.correlator` has.
"""

import collections
import dataclasses
import datetime
import operator

from usermsg.catalogue import entries
from usermsg import exception

#: Kinds of observations.
STATE, CAUSE, FAILURE = 'state', 'cause', 'failure'

#: Kinds of observations that wait for a failure of the same key: the resource
#: and its owner, and the statement that there is nothing to report.
SUBJECT, CANCEL = 'subject', 'cancel'
WAITING = (SUBJECT, CANCEL)

#: Causes of a transition or failure.
REQUIRED, OPTIONAL, NONE = 'required', 'optional', 'none'

CORRELATED, AMBIGUOUS, UNPROVEN = 'correlated', 'ambiguous', 'unproven'

#: Status that stands for all that a correlation doesn't list. Those are never
#: stored: they are text of another service.
OTHER = ''

#: Constant of the detail of an unknown cause.
_UNKNOWN = 'UNKNOWN_ERROR'

_NAME = {'type': 'string', 'pattern': '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$',
         'x-form': 'a-z, 0-9 and hyphens, at most 64 characters'}
_CONSTANT = {'type': 'string', 'pattern': '^[A-Z][A-Z0-9_]*$',
             'x-form': 'a constant of the catalogue'}
_STATUSES = {
    'type': 'array', 'minItems': 1, 'maxItems': 20, 'uniqueItems': True,
    'items': {'type': 'string', 'pattern': '^[A-Za-z0-9_. -]{1,64}$',
              'x-form': 'letters, digits, blanks and _.-, at most 64 '
                        'characters'}}

#: JSON schema of an item of ``correlations`` in a file of rules.
SCHEMA = {
    'type': 'object', 'required': ['name', 'kind'],
    'additionalProperties': False,
    'properties': {
        'name': _NAME,
        'kind': {'type': 'string', 'enum': ['transition', 'failure']},
        'transitions': {
            'type': 'array', 'minItems': 1, 'maxItems': 20, 'items': {
                'type': 'object', 'required': ['to'],
                'additionalProperties': False,
                'properties': {
                    'from': _STATUSES, 'to': _STATUSES, 'action': _CONSTANT,
                    'cause': {'type': 'string', 'enum': [REQUIRED, NONE]}}}},
        'cause': {'type': 'string', 'enum': [OPTIONAL, NONE]},
        'causes_of': _NAME,
        'window': {'type': 'number', 'minimum': 0.001, 'maximum': 3600},
        'succeeded': _STATUSES,
        'subject': {'type': 'string', 'enum': [REQUIRED]},
        'general': {'type': 'array', 'minItems': 1, 'maxItems': 100,
                    'items': _CONSTANT}}}

_KEYS_OF_KIND = {
    'transition': {'transitions'},
    'failure': {'cause', 'succeeded', 'general', 'subject'}}


@dataclasses.dataclass(frozen=True, slots=True)
class Transition:
    """Change of a state that proves a failure.

    :param before: statuses; empty for any that is not in ``after``
    :param after: statuses
    :param action: constant of the action that failed; None for that of the
        rule
    """

    before: frozenset
    after: frozenset
    cause: str = NONE
    action: str | None = None

    def matches(self, before, after):
        """Return True if the change of the status is this transition.

        :param before: None if no state was observed before
        """
        if after not in self.after:
            return False
        if self.before:
            return before in self.before
        return before not in self.after


@dataclasses.dataclass(frozen=True, slots=True)
class Correlation:
    """Declaration of observations that belong together.

    :param causes_of: name of the correlation whose causes are used
    :param window: maximum age of a cause, a timedelta; None for the default
    :param succeeded: statuses with which a failure is reported as INFO
    :param general: constants of details that others replace
    :param needs_subject: True if a failure without a resource is reported
        only with that of a subject
    """

    name: str
    kind: str
    causes_of: str
    transitions: tuple = ()
    cause: str = NONE
    window: datetime.timedelta | None = None
    succeeded: frozenset = frozenset()
    general: frozenset = frozenset()
    needs_subject: bool = False

    @classmethod
    def from_mapping(cls, mapping):
        """Return the correlation of a mapping that :data:`SCHEMA` accepts.

        :raises usermsg.exception.InvalidInput: names the key that isn't
            valid for the kind, or is missing
        """
        kind = mapping['kind']
        for other, keys in _KEYS_OF_KIND.items():
            for key in sorted(keys & mapping.keys()):
                if other != kind:
                    raise exception.InvalidInput(
                        key, f'is only valid for the kind {other}.')
        if kind == 'transition' and 'transitions' not in mapping:
            raise exception.InvalidInput(
                'transitions', 'is required for the kind transition.')
        window = mapping.get('window')
        return cls(
            mapping['name'], kind,
            mapping.get('causes_of', mapping['name']),
            tuple(Transition(frozenset(item.get('from', ())),
                             frozenset(item['to']), item.get('cause', NONE),
                             item.get('action'))
                  for item in mapping.get('transitions', ())),
            mapping.get('cause', NONE),
            None if window is None else datetime.timedelta(seconds=window),
            frozenset(mapping.get('succeeded', ())),
            frozenset(mapping.get('general', ())),
            mapping.get('subject') == REQUIRED)

    @property
    def uses_causes(self):
        return any(item.cause != NONE for item in (self, *self.transitions))

    def listed_status(self, status):
        """Return the status if the correlation lists it, or else OTHER."""
        return status if status in self.succeeded or any(
            status in item.before or status in item.after
            for item in self.transitions) else OTHER

    def transition(self, before, after):
        """Return the first matching :class:`Transition`, or None."""
        return next((item for item in self.transitions
                     if item.matches(before, after)), None)

    def is_lasting(self, status):
        """Return True if later decisions depend on this last status."""
        return any(status in (item.before or item.after)
                   for item in self.transitions)

    @property
    def keeps_others(self):
        """True if a status that isn't lasting must be stored as well.

        A transition from a certain status must not be found again if that
        status arrives late. For others the last status matters alone.
        """
        return any(item.before for item in self.transitions)


StateKey = collections.namedtuple(
    'StateKey', 'correlation publisher_id resource')


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """Last state of a resource.

    :param since: time of the first observation of this status
    :param observed_at: time of the last observation
    """

    status: str
    since: datetime.datetime
    observed_at: datetime.datetime


@dataclasses.dataclass(slots=True)
class Result:
    """Result of decisions.

    :ivar failures: list of :class:`usermsg.listener.decisions.Failure`
    :ivar states: :class:`StateKey` -> new :class:`State`
    :ivar decided: idents of observations that are no longer needed
    :ivar claimed: idents of the causes of failures
    :ivar counts: counter of (name of the correlation, result)
    """

    failures: list = dataclasses.field(default_factory=list)
    states: dict = dataclasses.field(default_factory=dict)
    decided: set = dataclasses.field(default_factory=set)
    claimed: set = dataclasses.field(default_factory=set)
    counts: collections.Counter = dataclasses.field(
        default_factory=collections.Counter)


@dataclasses.dataclass(frozen=True, slots=True)
class _Proof:
    """Failure that is proven if it has the cause that it needs.

    :param since: no cause is older; None if unknown
    :param is_due: False if the failure is decided later
    """

    correlation: Correlation
    observation: object
    failure: object
    cause: str
    since: datetime.datetime | None
    is_due: bool

    @property
    def order(self):
        # Failures that need a cause choose first.
        return (self.cause != REQUIRED, self.observation.observed_at,
                self.observation.ident)


class Correlations:
    """All correlations of the rules. Immutable, so thread-safe.

    :param correlations: an iterable of :class:`Correlation`
    :param catalogue: a :class:`usermsg.catalogue.catalogue.Catalogue`
    :param window: maximum age of a cause, a timedelta
    :raises usermsg.exception.InvalidInput: two have the same name, or one
        refers to another that doesn't exist
    """

    def __init__(self, correlations, catalogue, window):
        self._by_name = {}
        for item in correlations:
            if item.name in self._by_name:
                raise exception.InvalidInput(
                    'name', f'two correlations have the name {item.name}.')
            self._by_name[item.name] = item
        for item in self._by_name.values():
            if item.causes_of not in self._by_name:
                raise exception.InvalidInput(
                    'causes_of', f'there is no correlation {item.causes_of}.')
        self._catalogue = catalogue
        self._window = window

    def __getitem__(self, name):
        return self._by_name[name]

    @property
    def names(self):
        return sorted(self._by_name)

    @property
    def max_window(self):
        return max((self._window_of(item)
                    for item in self._by_name.values()), default=self._window)

    def _window_of(self, correlation):
        return (self._window if correlation.window is None
                else correlation.window)

    def scope(self, observation):
        """Return the string that observations which meet have in common."""
        if (observation.kind == CAUSE or
                self._by_name[observation.correlation].uses_causes):
            return observation.publisher_id
        if observation.kind == STATE:
            return observation.resource_uuid or ''
        return observation.failure.key

    def state_key(self, observation):
        """Return the :class:`StateKey` of an observation of a state.

        Where causes are used, times are compared to those of other
        notifications of the publisher. Elsewhere a resource has one state,
        regardless of the publisher.
        """
        uses_causes = self._by_name[observation.correlation].uses_causes
        return StateKey(
            observation.correlation,
            observation.publisher_id if uses_causes else '',
            observation.resource_uuid)

    def decide(self, observations, states=None, claimed=(),
               is_due=lambda observation: True):
        """Decide about observations. The result depends on no order.

        An observation of a state is decided when it and all older ones of the
        resource are due; reports of a failure when one of them is due, except
        for those that wait for a proof. Observations that aren't due are taken
        into account as well.

        :param observations: an iterable of
            :class:`usermsg.listener.decisions.Observation`
        :param states: the last states, :class:`StateKey` -> :class:`State`
        :param claimed: idents of causes in ``observations`` that earlier
            failures have claimed
        :param is_due: function of an observation
        :returns: a :class:`Result`
        """
        result = Result()
        causes, resources, reports = (
            collections.defaultdict(list) for _number in range(3))
        by_ident = {}
        for item in sorted(observations, key=operator.attrgetter(
                'observed_at', 'ident')):
            by_ident.setdefault(item.ident, item)
        for item in by_ident.values():
            if item.kind == CAUSE:
                causes[item.correlation, item.publisher_id].append(item)
            elif item.kind == STATE:
                resources[self.state_key(item)].append(item)
            else:
                reports[item.correlation, item.failure.key].append(item)
        proofs = [proof for key, items in resources.items()
                  for proof in self._follow(key, items, states or {}, is_due,
                                            result)]
        proofs += [proof for items in reports.values()
                   for proof in self._merge(items, is_due, result)]
        claimed = set(claimed)
        for proof in sorted(proofs, key=operator.attrgetter('order')):
            self._conclude(proof, causes[
                proof.correlation.causes_of,
                proof.observation.publisher_id], claimed, result)
        return result

    def _follow(self, key, observations, states, is_due, result):
        """Yield the proofs in the states of a resource, in their order."""
        correlation = self._by_name[key.correlation]
        state = states.get(key)
        due = True
        for item in observations:
            due = due and is_due(item)
            if due:
                result.decided.add(item.ident)
            if state and item.observed_at <= state.observed_at:
                continue  # late or repeated
            before, status = state, correlation.listed_status(item.status)
            same = before is not None and before.status == status
            state = State(status, before.since if same else item.observed_at,
                          item.observed_at)
            if due and (key in states or correlation.keeps_others or
                        correlation.is_lasting(status) or
                        key in result.states):
                result.states[key] = state
            transition = correlation.transition(
                before and before.status, status)
            if transition and item.failure:
                yield _Proof(
                    correlation, item,
                    dataclasses.replace(
                        item.failure, key=item.ident, event=self._resolve(
                            item.failure.event, action=transition.action)),
                    transition.cause, before and before.since, due)

    def _merge(self, observations, is_due, result):
        """Yield the proof in all reports of one failure, if there is one."""
        kinds = collections.defaultdict(list)
        for item in observations:
            kinds[item.kind].append(item)
        correlation = self._by_name[observations[0].correlation]
        reports = kinds[FAILURE]
        due = any(is_due(item) for item in reports)
        if due:
            result.decided.update(item.ident for item in observations)
        complete = [item for item in reports if not correlation.needs_subject
                    or item.resource_uuid is not None]
        reports = complete or reports
        failures = [item.failure for item in complete] or [
            dataclasses.replace(item.failure, rule=report.rule)
            for item in kinds[SUBJECT] for report in reports[:1]]
        if not failures or kinds[CANCEL]:
            if due:
                result.counts[correlation.name, UNPROVEN] += 1
            return
        failure = min(failures, key=lambda failure: self._specificity(
            correlation, failure))
        if any(item.status in correlation.succeeded for item in observations):
            failure = dataclasses.replace(failure, level='INFO')
        yield _Proof(correlation, reports[0], failure, correlation.cause, None,
                     due)

    def _specificity(self, correlation, failure):
        """Return the sort key of a report; the most specific one is first.

        It contains no time: the clocks of two publishers may differ.
        """
        event = failure.event
        constant = self._detail(event)
        return (_is_unknown(event), constant in correlation.general,
                event.event_id, failure.user_id or '~',
                failure.request_id or '~', failure.rule)

    def _detail(self, event):
        namespace = self._catalogue.namespaces.get(event.prefix)
        detail = namespace and namespace.details.get(event.detail_id)
        return detail and detail.constant

    def _conclude(self, proof, causes, claimed, result):
        """Add the failure that is proven, with its cause, to the result.

        :param causes: of the publisher, by time
        :param claimed: updated with the cause that the failure claims
        """
        candidates, is_named = self._candidates(proof, causes)
        if proof.cause == OPTIONAL and not is_named and all(
                item.ident in claimed for item in candidates):
            candidates = []
        if not candidates and proof.cause == REQUIRED:
            if proof.is_due:
                result.counts[proof.correlation.name, UNPROVEN] += 1
            return
        # The number of claims must not exceed the number of causes: a failure
        # that may have no cause doesn't share that of another one.
        free = [item.ident for item in candidates
                if item.ident not in claimed][-1:]
        claimed.update(free)
        if not proof.is_due:
            return
        result.claimed.update(free)
        details = {item.cause for item in candidates}
        if is_named:
            details = details - {None, _UNKNOWN} or {None}
        failure, event = proof.failure, proof.failure.event
        if len(details) == 1 and _is_unknown(event):
            event = self._resolve(event, detail=next(iter(details)))
        if details:
            result.counts[proof.correlation.name,
                          CORRELATED if len(details) == 1 else AMBIGUOUS] += 1
        result.failures.append(dataclasses.replace(
            failure, event=event, occurred_at=proof.observation.observed_at))

    def _candidates(self, proof, causes):
        """Return the possible causes, and True if they name the resource."""
        if proof.cause == NONE:
            return [], False
        until = proof.observation.observed_at
        since = until - self._window_of(proof.correlation)
        if proof.since is not None:
            since = max(since, proof.since)
        in_time = [item for item in causes
                   if since <= item.observed_at <= until]
        named = [item for item in in_time if item.resource_uuid is not None
                 and item.resource_uuid == proof.failure.resource_uuid]
        return named or [item for item in in_time
                         if item.resource_uuid is None], bool(named)

    def _resolve(self, event, action=None, detail=None):
        """Return the event with another action or detail, if not None."""
        if event.action_id is None or (action is None and detail is None):
            return event
        try:
            return self._catalogue.resolve(
                action=action or event.action_id,
                detail=detail or event.detail_id,
                resource_type=event.resource_type)
        except exception.NotPermitted:
            return event  # the service has no such action or detail


def _is_unknown(event):
    return event.detail_id in (None, entries.Namespace.UNKNOWN_DETAIL)
