# SPDX-License-Identifier: Apache-2.0
"""Loading and validation of the configuration.

Errors name the file or environment variable, the option and the reason.
"""

import contextlib
import os
import pathlib

from oslo_config import cfg
from oslo_log import log
from oslo_policy import opts as policy_opts

from usermsg import conf as usermsg_conf
from usermsg.conf import listener
from usermsg.conf import messages
from usermsg.conf import values
from usermsg import exception
from usermsg import version

#: Environment variable with the configuration files, separated by semicolons,
#: for processes without a command line of usermsg: WSGI servers and the
#: library.
CONFIG_FILES_VARIABLE = 'OS_USERMSG_CONFIG_FILES'


class _ConfigOpts(cfg.ConfigOpts):

    def _validate_cli_options(self, namespace):
        """Validate nothing: :func:`usermsg.conf.values.check` does.

        For an option that is also a command line option, such as "debug",
        oslo.config would end the process on an invalid value in a file
        without naming the file, even the process of another service that
        uses the library.
        """

    def _convert_value(self, value, opt):
        """Convert a value of an option.

        oslo.config passes the text of an environment variable even if the
        option has a list of values, and would convert each character.
        """
        if opt.multi and isinstance(value, str):
            value = [value]
        return super()._convert_value(value, opt)


def load_config(argv=None, library=False, register=lambda conf: None):
    """Read and check all options. See :func:`usermsg.service.prepare`.

    :param library: True in the process of another service, to which
        variables such as ``OS_DATABASE__CONNECTION`` belong and which does
        not serve usermsg's API
    :param register: called with the ConfigOpts before anything is read, for
        options of a single command
    :returns: a cfg.ConfigOpts
    :raises usermsg.exception.ConfigurationError: names the file or the
        environment variable, the option and the reason
    """
    conf = _ConfigOpts()
    usermsg_conf.register_opts(conf)
    # Imported here, because oslo.messaging selects the backend of
    # oslo.service when it is imported.
    from usermsg.conf import messaging
    messaging.register_opts(conf)
    if not library:
        # Imported here, because it imports the libraries of the HTTP
        # service, which take long to import.
        from usermsg.conf import libraries
        libraries.register_opts(conf)
    register(conf)
    log.register_options(conf)
    # Pecan logs invalid requests of clients as errors of the service. The
    # policy parser logs tracebacks of errors that are also reported with file
    # and line, and the connection pool logs one when a connection is lost
    # after a read. Alembic logs each time it inspects a database. Waitress
    # logs the behavior of clients: a line for each connection above its
    # limit and for each request that waits for a thread.
    conf.set_default('default_log_levels', [
        *log.get_default_log_levels(), 'pecan=CRITICAL',
        'oslo_policy._parser=CRITICAL', 'sqlalchemy.pool=CRITICAL',
        'alembic=WARN', 'waitress=ERROR'])
    policy_opts.set_defaults(conf)
    with named_errors(conf, argv or ()):
        conf(argv or [], project='usermsg',
             version=(None if argv is None else
                      f'%(prog)s {version.installed()}'),
             # The name of another program must not select its
             # configuration files.
             prog='usermsg' if argv is None else None,
             use_env=not library, **_config_files())
    values.check(conf, 'DEFAULT', conf, use_env=not library)
    values.check(conf, 'listener', ['transports'], use_env=not library)
    listener.register_transports(conf)
    for name, group in conf.items():
        if isinstance(group, conf.GroupAttr):
            values.check(conf, name, group, use_env=not library)
    try:
        messages.merge_rates(conf.messages.record_rates)
    except ValueError as error:
        raise values.build_error(conf, 'messages', 'record_rates', error,
                                 use_env=not library) from None
    return conf


def changed_options(previous, current):
    """Return the names of options whose values differ, such as "[api] host".

    Options that only one of the ConfigOpts has are not compared.
    """
    previous, current = dict(_values(previous)), dict(_values(current))
    return [name for name, value in current.items()
            if name in previous and previous[name] != value]


def _values(conf):
    """Yield (name with group, value) of all options."""
    for name, value in conf.items():
        if isinstance(value, conf.GroupAttr):
            for option, option_value in value.items():
                yield f'[{name}] {option}', option_value
        else:
            yield f'[DEFAULT] {name}', value


@contextlib.contextmanager
def named_errors(conf, argv=()):
    """Raise errors that name the unreadable file and the reason.

    :param conf: the ConfigOpts that reads the files
    :param argv: its command line
    :raises usermsg.exception.ConfigurationError: instead of what oslo.config
        raises when it reads files
    """
    try:
        yield
    except cfg.ConfigFileParseError as error:
        # The error of the parser, without the text of the line, which may
        # contain a password.
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
    except UnicodeDecodeError as error:
        encoding = error.encoding.upper()
        advice = '' if encoding == 'UTF-8' else (
            ', the encoding of the locale: set LC_ALL=C.UTF-8, for example')
        raise exception.ConfigurationError(
            f'a configuration file is not {encoding}{advice}.',
            _find_undecodable([*argv, *conf.default_config_files],
                              encoding)) from None
    except OSError as error:
        raise exception.ConfigurationError(
            f'cannot be read: {error.strerror}.', error.filename) from None


def set_up_logging(conf):
    """Configure logging as in ``conf``.

    :raises usermsg.exception.ConfigurationError: the configuration of
        logging can't be used; names the file or the option
    """
    try:
        log.setup(conf, 'usermsg')
    except log.LogConfigError as error:
        raise exception.ConfigurationError(
            f'the logging configuration cannot be used: {error.err_msg}',
            error.log_config) from None
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        # The socket of syslog is missing, a facility or a level does not
        # exist, the library of the journal is not installed, or the log file
        # cannot be written.
        reason = f'logging cannot be set up: {error}'
        if getattr(error, 'filename', None) is not None:
            reason = (f'[DEFAULT] {"log_dir" if conf.log_dir else "log_file"}'
                      f': {error.filename} cannot be written: '
                      f'{error.strerror}.')
        raise exception.ConfigurationError(reason) from None


def _config_files():
    """Return the files to read if the command line names none."""
    names = os.environ.get(CONFIG_FILES_VARIABLE)
    if not names:
        return {}
    # An empty list of directories: files in the default directories would be
    # read after these files, and override them.
    return {'default_config_files': [name for name in names.split(';')
                                     if name],
            'default_config_dirs': []}


def _find_undecodable(names, encoding):
    """Return the path of the first file without this encoding, or None."""
    for name in names:
        path = pathlib.Path(name.rpartition('=')[2])
        try:
            if path.is_file():
                path.read_text(encoding)
        except UnicodeDecodeError:
            return path
    return None
