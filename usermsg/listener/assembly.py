# SPDX-License-Identifier: Apache-2.0
"""Parts of the listener, built from the runtime of a process."""

import dataclasses
import functools

from usermsg.listener import consumer
from usermsg.listener import processor
from usermsg.listener import rule_set
from usermsg.listener import rule_watch
from usermsg.listener import source
from usermsg.message import api


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


def build_processor(runtime, rules):
    """Return a :class:`usermsg.listener.processor.Processor`.

    :param rules: a :class:`usermsg.listener.rule_set.RuleSet`, in force until
        the files of the rules change
    """
    load = functools.partial(
        rule_set.load, runtime.conf, runtime.catalogue)
    return processor.Processor(
        runtime, api.API(runtime), rule_watch.RuleWatch(
            rules, load, rule_set.directories(runtime.conf)))


def build_consumers(runtime, files):
    """Return a :class:`usermsg.listener.consumer.Consumer` per transport.

    :param files: a :class:`Files`
    """
    shared = build_processor(runtime, files.rules)
    return [consumer.Consumer(runtime.db, each, shared)
            for each in files.sources]
