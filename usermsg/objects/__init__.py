# SPDX-License-Identifier: Apache-2.0
"""Versioned objects. Each module owns the queries on its table."""
