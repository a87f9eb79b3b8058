# SPDX-License-Identifier: Apache-2.0
"""Parts of the listener, built from the runtime of a process."""

import dataclasses
import functools

from usermsg.listener import consumer
from usermsg.listener import correlator
from usermsg.listener import failure_recorder
from usermsg.listener import frequent_names
from usermsg.listener import metrics
from usermsg.listener import processor
from usermsg.listener import rule_set
from usermsg.listener import rule_watch
from usermsg.listener import source
from usermsg.message import api
from usermsg.objects import observation


@dataclasses.dataclass(frozen=True)
class Files:
    """Content of files that can become invalid while a worker runs.

    The launcher's process reads them, so that a process that it forks later
    has valid ones.

    :param rules: a :class:`usermsg.listener.rule_set.RuleSet`
    :param sources: unconnected :class:`usermsg.listener.source.Source`
        objects
    """

    rules: rule_set.RuleSet
    sources: list


def read_files(runtime):
    """Return the :class:`Files` of a configuration, without connecting.

    :param runtime: a :class:`usermsg.service.Runtime`
    :raises usermsg.exception.ConfigurationError: names the file and line, or
        the option
    """
    return Files(rule_set.load(runtime.conf, runtime.catalogue),
                 source.load(runtime.conf))


class Listener:
    """Parts of the listener that share rules and limits.

    :param runtime: a :class:`usermsg.service.Runtime`
    :param rules: a :class:`usermsg.listener.rule_set.RuleSet`, in force until
        the files of the rules change
    """

    def __init__(self, runtime, rules):
        self._runtime = runtime
        self._api = api.API(runtime)
        self._unmatched_errors = frequent_names.FrequentNames()
        self._recorder = failure_recorder.FailureRecorder(runtime, self._api)
        self._watch = rule_watch.RuleWatch(
            rules, functools.partial(
                rule_set.load, runtime.conf, runtime.catalogue),
            rule_set.directories(runtime.conf))

    def _correlations(self):
        return self._watch.current().correlations

    def build_processor(self):
        """Return a :class:`usermsg.listener.processor.Processor`."""
        return processor.Processor(
            self._runtime, self._api, self._recorder, self._watch,
            observation.Writer(self._correlations, self._runtime.metrics),
            self._unmatched_errors)

    def build_consumers(self, sources):
        """Return a :class:`usermsg.listener.consumer.Consumer` per source."""
        shared = self.build_processor()
        return [consumer.Consumer(self._runtime.db, each, shared)
                for each in sources]

    def build_collectors(self, consumers):
        """Return Prometheus collectors, a list.

        :param consumers: result of :meth:`build_consumers`
        """
        return [consumer.Collector(consumers),
                metrics.RowsCollector(self._runtime.db),
                metrics.UnmatchedErrorsCollector(self._unmatched_errors)]

    def build_correlator(self, consumers):
        """Return a :class:`usermsg.listener.correlator.Correlator`.

        :param consumers: result of :meth:`build_consumers`
        """
        return correlator.Correlator(
            self._runtime, self._api, self._correlations, self._recorder,
            is_steady=lambda seconds: all(
                each.is_steady(seconds) for each in consumers))
