# SPDX-License-Identifier: Apache-2.0
"""Requests that leave the session of the user unchanged."""


def discard_changes(request):
    """Prevent that the session is saved at the end of a request.

    Horizon extends the session in each request, and Django then writes all of
    its content, as it was at the beginning of the request. A response that
    comes late, to a script of a page, would revert a switch of the project or
    region in the meantime. And a page that polls must not keep its user
    logged in.
    """
    request.session.modified = False
