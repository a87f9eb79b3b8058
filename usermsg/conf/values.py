# SPDX-License-Identifier: Apache-2.0

"""Reading values, so that one that is wrong is named: option, file, reason.

oslo.config looks at a value only when it is asked for it.
"""

from oslo_config import cfg

from usermsg import exception


def register(conf, group, options):
    """Register the options of a group that any service may have in its file.

    :param conf: any ConfigOpts
    :param group: a cfg.OptGroup
    :raises usermsg.exception.ConfigurationError: see :func:`check`
    """
    # By name: an OptGroup that is registered is shared by all ConfigOpts.
    conf.register_opts(options, group=group.name)
    check(conf, group.name, [option.dest for option in options])


def check(conf, group, names, use_env=True):
    """Read the options of a group.

    :param use_env: whether variables of the environment count
    :raises usermsg.exception.ConfigurationError: one is not valid; names the
        option, and the file or the environment variable
    """
    options = conf if group == 'DEFAULT' else conf[group]
    for name in names:
        try:
            options[name]
        except cfg.ConfigSourceValueError as error:
            # Its context is the error of the option's type, which knows the
            # reason but not the place.
            raise exception.ConfigurationError(
                f'[{group}] {name} is not valid: {error.__context__}',
                _source(conf, group, name, use_env)) from None
        except (cfg.NoSuchOptError, cfg.NoSuchGroupError,
                cfg.TemplateSubstitutionError):
            # The name after the "$" isn't repeated: it may be half a
            # password.
            raise exception.ConfigurationError(
                f'[{group}] {name}: a "$" refers to another option, but '
                f'there is none of that name; for the character itself write '
                f'"$$".', _source(conf, group, name, use_env)) from None


def _source(conf, group, name, use_env):
    """The file or environment variable that an option is from.

    oslo.config says it of valid values only, so the option is read again, as
    a text. None if the option has a name that is deprecated.
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
        delimiter = '\0'  # in no value: "$" refers to nothing
