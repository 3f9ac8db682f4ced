"""No column is forgotten by an erasure."""

from contextlib import closing

from oddline.database import Database
from oddline.privacy.rows import ROWS
from oddline.settings import Side

# Columns of text in which nothing stands that came from outside: words of our own, numbers, names that operators give.
OWN = {
    "alembic_version.version_num", "api_keys.hash", "api_keys.prefix", "api_keys.retiring_secrets", "api_keys.scopes",
    "api_keys.signing_secrets", "compacted_chunks.object_key", "compacted_chunks.row_groups",
    "connection_memories.hashes", "connection_objects.etag", "connections.state", "connections.type",
    "cursors.consumer",
    "deliveries.channel", "deliveries.state", "doomed_objects.object_key", "erasures.after", "erasures.found",
    "erasures.looked", "erasures.proof", "erasures.secret", "erasures.state", "feedback.verdict", "files.found",
    "files.format",
    "files.object_version", "files.state", "files.stored_compression", "files.upload", "files.zone",
    "health_checks.part",
    "hot_chunks.format", "hot_chunks.model_version", "idempotency_keys.body_hash", "idempotency_keys.caller",
    "incident_days.model_version",
    "masking_rules.turned_off", "masking_rules.turned_on", "members.issuer", "members.role", "model_choice.live",
    "model_choice.shadow", "model_history.action", "model_history.after", "model_history.before",
    "model_history.changed_by", "models.added_by", "models.config_sha256", "models.error", "models.metrics",
    "models.state", "models.version", "odd_entries.kind", "odd_entries.model_version", "odd_entries.severity_text",
    "odd_sequences.key", "odd_sequences.kind", "odd_sequences.steps", "pattern_memo.embedding",
    "pattern_memo.model_version", "pattern_memo.shares", "pattern_memo.views", "pattern_vectors.model_version",
    "projects.name", "queue_holds.held_by",
    "queue_holds.queue", "rate_limits.rate", "rate_limits.set_by", "rate_limits.task", "rate_sources.recent",
    "rate_sources.season", "replay_sidecars.object_key", "replays.model_version", "schedule_runs.outcome",
    "schedules.catch_up", "schedules.expression", "schedules.starter", "schedules.state", "schedules.task",
    "schedules.timezone", "sequence_feedback.key", "sequence_feedback.steps", "sequence_feedback.verdict",
    "sequence_sources.profile", "sequence_sources.training", "source_calibration.drift",
    "source_calibration.model_version", "submission_state.state", "submission_state.worker", "system_alerts.kind",
    "task_turns.queue",
    "tasks.name", "tasks.next_step", "tasks.queue", "tasks.state", "tasks.worker", "vector_progress.model_version",
    "worker_processes.name",
    "worker_processes.stats", "worker_processes.worker", "worker_restarts.asked_by", "worker_restarts.class",
    "workers.classes", "workers.name", "workers.stats",
}  # fmt: skip
PLACED = {
    "compacted_chunks.blob", "compacted_chunks.token_filter", "hot_chunks.blob", "hot_chunks.token_filter",
    "files.object_key", "members.email", "members.subject",
    "open_sequences.entries", "pattern_memo.tokens", "patterns.hash", "patterns.pattern", "submissions.body",
    "submissions.body_object",
}  # fmt: skip
# Nothing can change a row of it: what names somebody is encrypted under a key of theirs, which is destroyed.
TRAIL = {
    "audit_actions.action", "audit_actions.actor", "audit_actions.details", "audit_actions.hash",
    "audit_actions.personal", "audit_actions.subject", "audit_chains.cut_hash", "audit_chains.hash",
    "audit_enrichments.error", "audit_enrichments.personal", "person_keys.person", "person_keys.wrapped_key",
}  # fmt: skip  # fmt: skip


def test_of_every_column_it_is_said_whether_it_can_hold_what_came_from_outside(
    module_database_urls: dict[Side, str],
) -> None:
    with closing(Database(module_database_urls["owner"], size=1)) as db, db.transaction() as tx:
        columns = tx.execute(
            "SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
            " AND a.attnum > 0 AND NOT a.attisdropped"
            " AND format_type(a.atttypid, NULL) IN ('text', 'text[]', 'jsonb', 'json', 'bytea', 'character varying')"
        ).fetchall()

    erased = {f"{rows.table}.{column}" for rows in ROWS for column in rows.columns}

    assert sorted(erased | PLACED | OWN | TRAIL) == sorted(column for (column,) in columns)
