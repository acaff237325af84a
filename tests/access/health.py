"""Routes of the desk's health and of what was not done in time."""

from tests.access.rows import Row

ROWS = (
    Row("GET", "/desk/health", ("coordinator", "second", "auditor", "admin")),
    Row("GET", "/audit/objections", ("auditor",)),
)
