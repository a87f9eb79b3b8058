# SPDX-License-Identifier: Apache-2.0
"""Versioned objects. Each owns the queries on its table."""
