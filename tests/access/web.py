"""Routes that belong to nobody."""

from tests.access.rows import EVERYONE, Call, Row

ROWS = (
    Row("GET", "/healthz", EVERYONE),
    Row("GET", "/manifest.webmanifest", EVERYONE),
    Row("POST", "/preferences", EVERYONE, answer=303, prepare=lambda world, who: Call({}, {"lang": "en"})),
    Row("GET", "/static/<path:filename>", EVERYONE, prepare=lambda world, who: Call({"filename": "app.css"})),
    Row("GET", "/api/v1/openapi.json", EVERYONE),
    Row("GET", "/api/v1/docs", EVERYONE),
)
