"""Version 1 of the tables: STRICT types, CHECKs for what must never be stored, triggers for what stays."""

_SQL = """
CREATE TABLE migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    applied_at TEXT NOT NULL
) STRICT;

CREATE TABLE runs (
    run_id TEXT PRIMARY KEY NOT NULL,
    workflow TEXT NOT NULL,
    space TEXT NOT NULL,
    task TEXT NOT NULL,
    task_digest TEXT NOT NULL,
    evaluator TEXT NOT NULL,
    seed INTEGER NOT NULL,
    settings TEXT NOT NULL,
    version TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'finishing', 'stopped', 'finished', 'failed')),
    stop_reason TEXT,
    stop_requested INTEGER NOT NULL DEFAULT 0 CHECK (stop_requested IN (0, 1)),
    segments INTEGER NOT NULL DEFAULT 0 CHECK (segments >= 0),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE rounds (
    run_id TEXT NOT NULL REFERENCES runs,
    round INTEGER NOT NULL CHECK (round >= 0),
    state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    direction TEXT,
    new_trials INTEGER NOT NULL DEFAULT 0 CHECK (new_trials >= 0),
    best REAL CHECK (best BETWEEN 0 AND 100),
    started_at TEXT NOT NULL,
    ended_at TEXT,
    PRIMARY KEY (run_id, round),
    CHECK (state = 'open' OR ended_at IS NOT NULL)
) STRICT;

CREATE TABLE texts (
    digest TEXT PRIMARY KEY NOT NULL,
    text TEXT NOT NULL
) STRICT;

CREATE TABLE calls (
    call_id TEXT PRIMARY KEY NOT NULL,
    run_id TEXT NOT NULL REFERENCES runs,
    round INTEGER NOT NULL CHECK (round >= 0),
    role TEXT NOT NULL,
    attempt INTEGER NOT NULL CHECK (attempt >= 0),
    turn INTEGER NOT NULL CHECK (turn >= 0),
    model TEXT NOT NULL,
    prompt TEXT NOT NULL,
    prompt_digest TEXT NOT NULL,
    prompt_version TEXT NOT NULL,
    messages TEXT NOT NULL,
    render_digest TEXT NOT NULL,
    schema_digest TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('reserved', 'ok', 'bad-reply', 'error')),
    source TEXT NOT NULL CHECK (source IN ('model', 'offline', 'fallback')),
    reply TEXT REFERENCES texts,
    reasoning TEXT REFERENCES texts,
    parsed TEXT,
    error TEXT,
    reply_error TEXT,
    reserved_tokens INTEGER NOT NULL CHECK (reserved_tokens >= 0),
    input_tokens INTEGER CHECK (input_tokens >= 0),
    output_tokens INTEGER CHECK (output_tokens >= 0),
    tries INTEGER NOT NULL DEFAULT 1 CHECK (tries >= 1),
    lost_tokens INTEGER NOT NULL DEFAULT 0 CHECK (lost_tokens >= 0),
    attempts INTEGER NOT NULL DEFAULT 1 CHECK (attempts >= 1),
    latency_s REAL CHECK (latency_s BETWEEN 0 AND 1e9),
    started_at TEXT NOT NULL,
    ended_at TEXT,
    UNIQUE (run_id, round, role, attempt, turn),
    CHECK (state = 'reserved' OR ended_at IS NOT NULL),
    CHECK (state != 'ok' OR reply IS NOT NULL),
    CHECK (state NOT IN ('bad-reply', 'error') OR error IS NOT NULL)
) STRICT;

CREATE TABLE proposals (
    proposal_id TEXT PRIMARY KEY NOT NULL,
    run_id TEXT NOT NULL REFERENCES runs,
    round INTEGER NOT NULL CHECK (round >= 0),
    attempt INTEGER NOT NULL CHECK (attempt >= 0),
    position INTEGER NOT NULL CHECK (position >= 0),
    call_id TEXT REFERENCES calls,
    origin TEXT NOT NULL,
    raw TEXT NOT NULL,
    architecture TEXT,
    code TEXT,
    genotype TEXT,
    digest TEXT,
    why TEXT NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN
            ('proposed', 'valid', 'invalid', 'duplicate', 'vetoed', 'unselected', 'selected')),
    problems TEXT NOT NULL,
    verdict TEXT,
    UNIQUE (run_id, round, attempt, position),
    CHECK (status IN ('proposed', 'invalid') OR (architecture IS NOT NULL AND digest IS NOT NULL))
) STRICT;

CREATE TABLE trials (
    trial_id TEXT PRIMARY KEY NOT NULL,
    run_id TEXT NOT NULL REFERENCES runs,
    number INTEGER NOT NULL CHECK (number >= 1),
    round INTEGER NOT NULL CHECK (round >= 0),
    proposal_id TEXT REFERENCES proposals,
    space TEXT NOT NULL,
    architecture TEXT NOT NULL,
    code TEXT NOT NULL,
    genotype TEXT NOT NULL,
    digest TEXT NOT NULL,
    task TEXT NOT NULL,
    task_digest TEXT NOT NULL,
    fidelity TEXT NOT NULL,
    seed INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'complete', 'pruned', 'failed')),
    reason TEXT,
    detail TEXT NOT NULL DEFAULT '',
    val_accuracy REAL CHECK (val_accuracy BETWEEN 0 AND 100),
    objectives TEXT NOT NULL DEFAULT '{}',
    params INTEGER NOT NULL CHECK (params >= 0),
    macs INTEGER NOT NULL CHECK (macs >= 0),
    curve TEXT NOT NULL DEFAULT '[]',
    cost TEXT NOT NULL DEFAULT '{}',
    train_seconds REAL NOT NULL DEFAULT 0 CHECK (train_seconds BETWEEN 0 AND 1e12),
    reused_from TEXT REFERENCES trials,
    starts INTEGER NOT NULL DEFAULT 0 CHECK (starts >= 0),
    created_at TEXT NOT NULL,
    finished_at TEXT,
    feedback TEXT,
    row_digest TEXT,
    feedback_digest TEXT,
    UNIQUE (run_id, number),
    UNIQUE (run_id, digest, fidelity, seed),
    CHECK (state != 'complete' OR (val_accuracy IS NOT NULL AND reason IS NULL)),
    CHECK (state != 'failed' OR (reason IS NOT NULL AND val_accuracy IS NULL)),
    CHECK ((state IN ('complete', 'pruned', 'failed')) = (row_digest IS NOT NULL)),
    CHECK ((finished_at IS NULL) = (row_digest IS NULL)),
    CHECK (feedback IS NULL OR row_digest IS NOT NULL),
    CHECK ((feedback IS NULL) = (feedback_digest IS NULL))
) STRICT;

CREATE INDEX trials_by_accuracy ON trials (run_id, val_accuracy DESC, params, number)
    WHERE state = 'complete';

CREATE INDEX trials_to_reuse ON trials (digest, task_digest, fidelity, seed)
    WHERE state = 'complete';

CREATE INDEX trials_by_state ON trials (run_id, state, number, reused_from, train_seconds);

CREATE INDEX trials_by_round ON trials (run_id, round, number);

CREATE TRIGGER trials_stay_as_finished BEFORE UPDATE OF
    trial_id, run_id, number, round, proposal_id, space, architecture, code, genotype, digest, task,
    task_digest, fidelity, seed, state, reason, detail, val_accuracy, objectives, params, macs, curve, cost,
    train_seconds, reused_from, starts, created_at, finished_at, row_digest
ON trials WHEN OLD.row_digest IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a finished trial never changes'); END;

CREATE TRIGGER trials_stay BEFORE DELETE ON trials WHEN OLD.row_digest IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a finished trial is never deleted'); END;

CREATE TRIGGER feedback_stays BEFORE UPDATE OF feedback, feedback_digest
ON trials WHEN OLD.feedback IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'the feedback of a trial is given once'); END;

CREATE TABLE lessons (
    lesson_id TEXT PRIMARY KEY NOT NULL,
    run_id TEXT NOT NULL REFERENCES runs,
    number INTEGER NOT NULL CHECK (number >= 1),
    round INTEGER NOT NULL CHECK (round >= 0),
    statement TEXT NOT NULL,
    dimension TEXT,
    option TEXT,
    effect TEXT NOT NULL,
    supports TEXT NOT NULL,
    contradicts TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'retired')),
    retired_round INTEGER,
    UNIQUE (run_id, number),
    UNIQUE (run_id, round, statement),
    CHECK ((state = 'retired') = (retired_round IS NOT NULL))
) STRICT;

CREATE TABLE test_scores (
    run_id TEXT PRIMARY KEY NOT NULL REFERENCES runs,
    trial_id TEXT NOT NULL REFERENCES trials,
    accuracy REAL NOT NULL CHECK (accuracy BETWEEN 0 AND 100),
    val_accuracy REAL NOT NULL CHECK (val_accuracy BETWEEN 0 AND 100),
    seconds REAL NOT NULL CHECK (seconds BETWEEN 0 AND 1e12),
    created_at TEXT NOT NULL
) STRICT;
"""

TABLES_V1 = tuple(statement.strip() for statement in _SQL.split(";\n\n"))
"""The statements, split here: SQLite's own splitter is slow, and a script would end the transaction."""
