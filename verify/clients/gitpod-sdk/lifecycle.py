"""The documentation's own example with the unmodified package gitpod-sdk, then the rest of its life."""

import os
import time

import gitpod
from gitpod import Gitpod

client = Gitpod(bearer_token=os.environ["TOKEN"], base_url=os.environ["BASE_URL"])
project_id = os.environ["PROJECT_ID"]


def until(prebuild_id: str, phase: str):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        prebuild = client.prebuilds.retrieve(prebuild_id=prebuild_id).prebuild
        if prebuild.status.phase == phase:
            return prebuild
        assert prebuild.status.phase != "PREBUILD_PHASE_FAILED", prebuild.status.failure_message
        time.sleep(0.02)
    raise AssertionError(f"{prebuild_id} did not reach {phase} but {prebuild.status.phase}")


created = client.prebuilds.create(project_id=project_id, spec={"timeout": "3600s"}).prebuild
assert created.spec.timeout == "3600s", created
assert created.status.phase == "PREBUILD_PHASE_PENDING", created
assert created.metadata.triggered_by == "PREBUILD_TRIGGER_MANUAL", created

done = until(created.id, "PREBUILD_PHASE_COMPLETED")
assert done.status.snapshot_completion_percentage == 100, done
assert int(done.status.snapshot_size_bytes) > 0, done
assert done.status.completion_time is not None and done.status.log_url, done

# Paging: the page size travels in the body or the query, the token always in the query.
ids = [client.prebuilds.create(project_id=project_id, spec={}).prebuild.id for _ in range(4)]
newest_first = list(reversed([created.id, *ids]))
for options in ({"page_size": 2}, {"pagination": {"page_size": 2}}):
    listed = [p.id for p in client.prebuilds.list(filter={"project_ids": [project_id]}, **options)]
    assert listed == newest_first, (options, listed, newest_first)

# Cancelling: one that runs, one that has ended, one that never was.
hanging = client.prebuilds.create(project_id=os.environ["HANGING_PROJECT_ID"], spec={}).prebuild
until(hanging.id, "PREBUILD_PHASE_RUNNING")
cancelled = client.prebuilds.cancel(prebuild_id=hanging.id).prebuild
assert cancelled.status.phase in ("PREBUILD_PHASE_CANCELLING", "PREBUILD_PHASE_CANCELLED"), cancelled
until(hanging.id, "PREBUILD_PHASE_CANCELLED")
try:
    client.prebuilds.cancel(prebuild_id=created.id)
    raise AssertionError("a completed prebuild was cancelled")
except gitpod.BadRequestError as error:
    assert error.body["code"] == "failed_precondition", error.body

# The log, with a token for it.
token = client.prebuilds.create_logs_token(prebuild_id=created.id).access_token
log = client._client.get(done.status.log_url, headers={"Authorization": f"Bearer {token}"})
assert log.status_code == 200 and "Completed" in log.text, log.text

# Deleting: gone in the end, and a second time is fine.
client.prebuilds.delete(prebuild_id=created.id)
deadline = time.monotonic() + 60
while True:
    try:
        gone = client.prebuilds.retrieve(prebuild_id=created.id).prebuild
        assert gone.status.phase == "PREBUILD_PHASE_DELETING", gone
    except gitpod.NotFoundError:
        break
    assert time.monotonic() < deadline, "not deleted within a minute"
    time.sleep(0.02)
client.prebuilds.delete(prebuild_id=created.id)

# Refusals have the class of exception that the caller expects.
for spec, mention in (({"timeout": "299s"}, "below"), ({"timeout": "7201s"}, "above")):
    try:
        client.prebuilds.create(project_id=project_id, spec=spec)
        raise AssertionError(f"{spec} was accepted")
    except gitpod.BadRequestError as error:
        assert error.body["code"] == "invalid_argument" and mention in error.body["message"], error.body
try:
    Gitpod(bearer_token="wrong", base_url=os.environ["BASE_URL"]).prebuilds.list().prebuilds
    raise AssertionError("a wrong token was accepted")
except gitpod.AuthenticationError:
    pass

print("json\tthe life of a prebuild\tok")
