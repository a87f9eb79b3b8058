# SPDX-License-Identifier: Apache-2.0

"""Reading values, so that one that is wrong is named: option, file and line.

oslo.config looks at a value only when it is asked for it.
"""

import os
import pathlib
import re

from oslo_config import cfg

from usermsg import exception


def register(conf, group, options):
    """Register the options of a group that any service may have in its file.

    :param conf: any ConfigOpts
    :param group: a cfg.OptGroup
    :raises usermsg.exception.ConfigurationError: see :func:`checked`
    """
    # By name: an OptGroup that is registered is shared by all ConfigOpts.
    conf.register_opts(options, group=group.name)
    for option in options:
        checked(conf[group.name], group.name, option.dest)


def checked(options, group, name):
    """The value of an option.

    :param options: what has it: a ConfigOpts, or a group of one
    :param group: the name of its group
    :raises usermsg.exception.ConfigurationError: it is not valid; names the
        option, and the file and line or the environment variable
    """
    try:
        return options[name]
    except cfg.ConfigSourceValueError as error:
        text = str(error)
        variable = (f'OS_{name}' if group == 'DEFAULT' else
                    f'OS_{group}__{name}').upper()
        if 'Locations.environment' in text or variable in os.environ:
            raise exception.ConfigurationError(
                f'the environment variable {variable} is not valid: '
                f'{text.rpartition(" is not valid: ")[2]}') from None
        found = re.search(r"detail='([^']+)'", text)
        path = found[1] if found else None
        reason = text.rpartition(' is not valid: ')[2]
        raise exception.ConfigurationError(
            f'[{group}] {name} is not valid: {reason}', path,
            _line_of(path, group, name)) from None
    except (cfg.NoSuchOptError, cfg.NoSuchGroupError,
            cfg.TemplateSubstitutionError):
        # What follows the "$" isn't repeated: it may be half a password.
        raise exception.ConfigurationError(
            f'[{group}] {name}: a "$" refers to another option, but there is '
            f'none of that name; for the character itself write "$$".'
        ) from None
    except cfg.Error as error:
        raise exception.ConfigurationError(
            f'[{group}] {name}: {error}') from None


def _line_of(path, group, name):
    """Where an option stands in a file; oslo.config doesn't remember it."""
    if path is None or not pathlib.Path(path).is_file():
        return None
    section = 'DEFAULT'
    found = None
    lines = pathlib.Path(path).read_text(
        encoding='utf-8', errors='replace').splitlines()
    for number, line in enumerate(lines, start=1):
        header = re.match(r'\[([^]]+)]', line)
        if header:
            section = header[1]
        elif section == group:
            key = re.split('[:=]', line, maxsplit=1)[0].strip()
            if key.replace('-', '_') == name:
                found = number  # the last one counts
    return found
