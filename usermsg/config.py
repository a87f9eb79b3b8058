# SPDX-License-Identifier: Apache-2.0
"""The configuration: read once, checked, and what is wrong with it named."""

import contextlib
import os
import pathlib

from oslo_config import cfg
from oslo_log import log
from oslo_policy import opts as policy_opts

from usermsg import conf as usermsg_conf
from usermsg.conf import values
from usermsg import exception
from usermsg import version

#: Names the configuration files, separated by semicolons, for processes
#: without a command line of their own: WSGI servers and the library.
CONFIG_FILES_VARIABLE = 'OS_USERMSG_CONFIG_FILES'


class _ConfigOpts(cfg.ConfigOpts):

    def _validate_cli_options(self, namespace):
        """Left to :func:`usermsg.conf.values.check`.

        For an option that could also stand on the command line, such as
        "debug", a bad value in a file would end the process without a word
        about the file: even another service's, in which the library is.
        """


def load_config(argv=None, library=False, register=lambda conf: None):
    """All options read and checked. See :func:`usermsg.service.prepare`.

    :param library: in the process of another service, whose are variables
        such as ``OS_DATABASE__CONNECTION``, and which serves no HTTP of ours
    :param register: called with the ConfigOpts before anything is read, for
        options that only one command has
    """
    conf = _ConfigOpts()
    usermsg_conf.register_opts(conf)
    # Here, because it imports the library, which chooses a backend.
    from usermsg.conf import messaging
    messaging.register_opts(conf)
    if not library:
        # Here, because it imports libraries.
        from usermsg.conf import libraries
        libraries.register_opts(conf)
    register(conf)
    log.register_options(conf)
    # Pecan logs what clients send wrongly as errors of ours, and the parser
    # of policies logs tracebacks of what we report by file and line; so does
    # the pool, of a connection that was lost after it had been read from.
    # Alembic says each time that it looks at a database, and waitress what
    # clients do: a line for each connection above its limit, for each request
    # that waits for a thread.
    conf.set_default('default_log_levels', [
        *log.get_default_log_levels(), 'pecan=CRITICAL',
        'oslo_policy._parser=CRITICAL', 'sqlalchemy.pool=CRITICAL',
        'alembic=WARN', 'waitress=ERROR'])
    policy_opts.set_defaults(conf)
    with named_errors(conf, argv or ()):
        conf(argv or [], project='usermsg',
             version=(None if argv is None else
                      f'%(prog)s {version.installed()}'),
             # A process that isn't ours must not bring its own files in.
             prog='usermsg' if argv is None else None,
             use_env=not library, **_config_files())
    values.check(conf, 'DEFAULT', conf, use_env=not library)
    for name, group in conf.items():
        if isinstance(group, conf.GroupAttr):
            values.check(conf, name, group, use_env=not library)
    return conf


@contextlib.contextmanager
def named_errors(conf, argv=()):
    """Name the file that can't be read, and the reason.

    :param conf: the ConfigOpts that reads them
    :param argv: its command line
    :raises usermsg.exception.ConfigurationError: instead of what oslo.config
        raises when it reads files
    """
    try:
        yield
    except cfg.ConfigFileParseError as error:
        # The parser's own error, without the line itself, which may hold a
        # password.
        cause = error.__context__
        raise exception.ConfigurationError(
            f'{cause.msg}.', error.config_file, cause.lineno) from None
    except (cfg.ConfigFilesNotFoundError,
            cfg.ConfigFilesPermissionDeniedError) as error:
        raise exception.ConfigurationError(
            'the configuration file does not exist or cannot be read.',
            ', '.join(error.config_files)) from None
    except cfg.Error as error:
        raise exception.ConfigurationError(str(error)) from None
    except UnicodeDecodeError:
        raise exception.ConfigurationError(
            'a configuration file is not UTF-8.', _undecodable(
                [*argv, *conf.default_config_files])) from None
    except OSError as error:
        raise exception.ConfigurationError(
            f'cannot be read: {error.strerror}.', error.filename) from None


def set_up_logging(conf):
    """Log as ``conf`` says, from now on.

    :raises usermsg.exception.ConfigurationError: why it can't be
    """
    try:
        log.setup(conf, 'usermsg')
    except log.LogConfigError as error:
        raise exception.ConfigurationError(
            f'the logging configuration cannot be used: {error.err_msg}',
            error.log_config) from None
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        # The socket of syslog, a facility or a level that doesn't exist, a
        # journal without its library; or the file of the log.
        reason = f'logging cannot be set up: {error}'
        if getattr(error, 'filename', None) is not None:
            reason = (f'[DEFAULT] {"log_dir" if conf.log_dir else "log_file"}'
                      f': {error.filename} cannot be written: '
                      f'{error.strerror}.')
        raise exception.ConfigurationError(reason) from None


def _config_files():
    """What is read if the command line doesn't say it."""
    names = os.environ.get(CONFIG_FILES_VARIABLE)
    if not names:
        return {}
    # Those files and no others: what lies in the usual directories would be
    # read after them.
    return {'default_config_files': [name for name in names.split(';')
                                     if name],
            'default_config_dirs': []}


def _undecodable(names):
    """The first of some files that isn't UTF-8."""
    for name in names:
        path = pathlib.Path(name.rpartition('=')[2])
        try:
            if path.is_file():
                path.read_text('utf-8')
        except UnicodeDecodeError:
            return path
    return None
