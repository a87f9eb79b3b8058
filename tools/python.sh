# SPDX-License-Identifier: Apache-2.0
#
# Functions of the other scripts: find a new enough Python, make environments.

# Print the name of a Python 3.11 or later.
find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
                2>/dev/null; then
            echo "$name"
            return 0
        fi
    done
    echo "Python 3.11 or later is required, but none was found in PATH." >&2
    return 1
}

# make_venv PYTHON DIRECTORY: create it unless a working one exists.
make_venv() {
    if "$2/bin/python" -m pip --version > /dev/null 2>&1; then
        return 0
    fi
    rm -rf "$2"
    if ! "$1" -m venv "$2"; then
        echo "$1 cannot create virtual environments; on Debian and Ubuntu" \
            "install the package python3-venv, then try again." >&2
        rm -rf "$2"
        return 1
    fi
}
