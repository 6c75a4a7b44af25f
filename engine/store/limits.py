"""The limits that servers were found to have for prompts, kept in a workspace or a record."""

from __future__ import annotations

import json
from dataclasses import asdict

from pydantic import TypeAdapter

from engine.store.database import Database
from models.http.prompt import PromptLimit

LIMITS = """
CREATE TABLE limits (                                     -- a server's limit of the prompts to a model
    server TEXT NOT NULL,                                 -- its version
    model TEXT NOT NULL,                                  -- the digest of its weights
    context INTEGER NOT NULL,                             -- tokens it was loaded with
    body TEXT NOT NULL,                                   -- models.http.prompt.PromptLimit
    PRIMARY KEY (server, model, context)
) WITHOUT ROWID
"""


class LimitLog:
    """A `models.http.prompt.PromptLimits` in a database. Raises `WorkspaceError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def prompt_limit(self, server: str, model: str, context: int) -> PromptLimit | None:
        """The limit that a server of this version was found to have; None: it was not looked for."""
        query = "SELECT body FROM limits WHERE server = ? AND model = ? AND context = ?"
        rows = self._database.execute(query, server, model, context)
        return self._database.parsed(_LIMIT.validate_python, rows[0][0]) if rows else None

    def keep_prompt_limit(self, server: str, model: str, limit: PromptLimit) -> None:
        with self._database.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO limits (server, model, context, body) VALUES (?, ?, ?, ?)",
                (server, model, limit.context, json.dumps(asdict(limit))),
            )


_LIMIT = TypeAdapter(PromptLimit)
