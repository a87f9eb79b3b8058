# SPDX-License-Identifier: Apache-2.0

"""Validation of values, with errors that name option, file and reason.

oslo.config validates a value only when the value is read.
"""

from oslo_config import cfg

from usermsg import exception


def register(conf, group, options):
    """Register the options of a group that other services can use too.

    :param conf: any ConfigOpts
    :param group: a cfg.OptGroup
    :raises usermsg.exception.ConfigurationError: see :func:`check`
    """
    # By name: all ConfigOpts share an OptGroup that is registered.
    conf.register_opts(options, group=group.name)
    check(conf, group.name, [option.dest for option in options])


def check(conf, group, names, use_env=True):
    """Check that each value in a group is valid.

    :param group: name of the group
    :param names: names of the options to check
    :param use_env: True if environment variables can set options
    :raises usermsg.exception.ConfigurationError: a value is not valid; names
        the option, and the file or the environment variable
    """
    options = conf if group == 'DEFAULT' else conf[group]
    for name in names:
        try:
            options[name]
        except cfg.ConfigSourceValueError as error:
            # Its context is the error of the option's type, which has the
            # reason but not the location.
            raise build_error(conf, group, name, error.__context__,
                              use_env) from None
        except (cfg.NoSuchOptError, cfg.NoSuchGroupError,
                cfg.TemplateSubstitutionError):
            # The error omits the name after the "$", which may be part of a
            # password.
            raise exception.ConfigurationError(
                f'[{group}] {name}: a "$" refers to another option, but no '
                f'option has that name; write "$$" for a literal "$".',
                _source(conf, group, name, use_env)) from None


def build_error(conf, group, name, reason, use_env=True):
    """Return the ConfigurationError of an invalid value; see :func:`check`."""
    return exception.ConfigurationError(
        f'[{group}] {name} is not valid: {reason}',
        _source(conf, group, name, use_env))


def _source(conf, group, name, use_env):
    """Return the file or environment variable that sets an option.

    oslo.config has the location of valid values only, so the option is read
    again, as a string. None if it is set under a deprecated name.
    """
    texts = _Texts()
    group = None if group == 'DEFAULT' else group
    texts.register_opt(cfg.Opt(name), group)
    texts([], prog='usermsg', default_config_files=conf.config_file,
          default_config_dirs=conf.config_dir, use_env=use_env)
    location = texts.get_location(name, group)
    if location and location.location == cfg.Locations.environment:
        return f'the environment variable {location.detail}'
    return location and location.detail


class _Texts(cfg.ConfigOpts):

    class Template(cfg.ConfigOpts.Template):
        delimiter = '\0'  # occurs in no value: "$" is an ordinary character
