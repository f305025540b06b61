-- Ids are the 16 bytes of a UUID; ids of version 7 sort by creation.
-- Times are nanoseconds since the Unix epoch. Enumerations are the numbers of the schema.
-- JSON columns hold what is only ever read and written whole.

CREATE TABLE organizations (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations,
    name TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    subject_id BLOB NOT NULL,
    subject_principal INTEGER NOT NULL,
    read_only INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_of_organization ON tokens (organization_id, id);

CREATE TABLE environment_classes (
    id BLOB PRIMARY KEY,
    runner_id BLOB NOT NULL,
    display_name TEXT NOT NULL,
    description TEXT NOT NULL,
    configuration TEXT NOT NULL, -- JSON
    enabled INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE projects (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations,
    name TEXT NOT NULL,
    creator_id BLOB NOT NULL,
    creator_principal INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    repository TEXT NOT NULL, -- of the initializer, to be searched by
    initializer TEXT NOT NULL, -- JSON
    devcontainer_file_path TEXT NOT NULL,
    automations_file_path TEXT NOT NULL,
    technical_description TEXT NOT NULL,
    environment_classes TEXT NOT NULL, -- JSON
    prebuild_configuration TEXT, -- JSON
    recommended_editors TEXT NOT NULL, -- JSON
    deleted INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX projects_by_creation ON projects (organization_id, id) WHERE deleted = 0;
CREATE INDEX projects_by_name ON projects (organization_id, name, id) WHERE deleted = 0;

CREATE TABLE prebuilds (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations,
    project_id BLOB NOT NULL REFERENCES projects,
    environment_class_id BLOB NOT NULL REFERENCES environment_classes,
    creator_id BLOB NOT NULL,
    creator_principal INTEGER NOT NULL,
    executor_id BLOB,
    executor_principal INTEGER,
    trigger_kind INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    spec_version INTEGER NOT NULL,
    desired_phase INTEGER NOT NULL,
    timeout INTEGER NOT NULL, -- nanoseconds
    deadline INTEGER NOT NULL,
    source TEXT NOT NULL, -- JSON
    phase INTEGER NOT NULL,
    status_version INTEGER NOT NULL,
    completion_time INTEGER,
    failure_message TEXT NOT NULL,
    warning_message TEXT NOT NULL,
    environment_id BLOB,
    snapshot_percentage INTEGER NOT NULL,
    snapshot_size_bytes INTEGER NOT NULL,
    commit_id TEXT,
    reuse_key TEXT,
    attempts INTEGER NOT NULL,
    attempt_epoch INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    lease_owner BLOB,
    lease_expires_at INTEGER,
    needs_work INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Phase 90 is DELETED: the row stays so that a second delete is answered, and is never listed.
CREATE INDEX prebuilds_of_organization ON prebuilds (organization_id, id) WHERE phase <> 90;
CREATE INDEX prebuilds_of_project ON prebuilds (project_id, phase, id) WHERE phase <> 90;
CREATE INDEX prebuilds_to_work_on ON prebuilds (project_id, id) WHERE needs_work = 1;
