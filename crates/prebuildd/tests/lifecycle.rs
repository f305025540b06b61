//! The rules of a prebuild: its steps by table, its invariants under every sequence of operations.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use jiff::Timestamp;
use prebuildd::domain::{
    MAX_ATTEMPTS, MAX_MESSAGE_BYTES, NewPrebuild, Prebuild, RefusedUpdate, StatusUpdate, Step,
    Subject, new_id,
    source::{Repository, Revision, Source},
};
use prebuilds::v1::{
    PrebuildPhase::{self, *},
    Principal,
    prebuild_metadata::PrebuildTrigger,
};
use proptest::prelude::*;
use uuid::Uuid;

const TIMEOUT: i64 = 300;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn prebuild() -> Prebuild {
    Prebuild::new(
        NewPrebuild {
            organization_id: Uuid::from_u128(1),
            project_id: Uuid::from_u128(2),
            environment_class_id: Uuid::from_u128(3),
            creator: Subject {
                id: Uuid::from_u128(4),
                principal: Principal::User,
            },
            executor: None,
            trigger: PrebuildTrigger::Manual,
            timeout: Duration::from_secs(TIMEOUT as u64),
            source: Source {
                repository: Repository::parse("/srv/app").unwrap(),
                revision: Revision::Head,
                devcontainer_file_path: None,
            },
        },
        at(0),
    )
}

fn begin() -> StatusUpdate {
    StatusUpdate::BeginAttempt {
        environment_id: Uuid::from_u128(5),
    }
}

#[test]
fn ids_sort_by_creation() {
    let ids: Vec<_> = (0..1000)
        .map(|micros| new_id(Timestamp::from_microsecond(1_790_000_000_000_000 + micros).unwrap()))
        .collect();
    assert!(ids.is_sorted());
    assert!(ids.iter().all(|id| id.get_version_num() == 7));
    assert_ne!(new_id(at(0)), new_id(at(0)));
}

#[test]
fn a_holder_begins_once_per_epoch_and_thrice_in_all() {
    let mut row = prebuild();
    for attempt in 1..=MAX_ATTEMPTS {
        row.epoch += 1;
        assert_eq!(row.next_step(at(1)), Step::Begin);
        row.apply(begin(), at(1)).unwrap();
        assert_eq!(row.attempts, attempt);
        assert_eq!(row.next_step(at(1)), Step::Continue);
        if attempt == 1 {
            row.apply(StatusUpdate::Advance(Running), at(1)).unwrap();
        }
        assert_eq!(row.phase, Running, "a repeat keeps the phase");
        assert!(!row.is_before(Running) && row.is_before(Stopping));
    }
    row.epoch += 1;
    let Step::Fail { message } = row.next_step(at(2)) else {
        panic!("attempts are used up");
    };
    assert!(message.starts_with("gave up after 3 attempts"), "{message}");
    assert_eq!(row.apply(begin(), at(2)), Err(RefusedUpdate::NoAttemptLeft));
    row.apply(StatusUpdate::Fail { message }, at(2)).unwrap();
    assert_eq!(row.next_step(at(2)), Step::Nothing);
}

#[test]
fn a_withdrawn_attempt_does_not_count() {
    let mut row = prebuild();
    for _ in 0..2 * MAX_ATTEMPTS {
        row.epoch += 1;
        row.apply(begin(), at(1)).unwrap();
        row.apply(StatusUpdate::WithdrawAttempt, at(1)).unwrap();
        assert_eq!((row.phase, row.attempts), (Starting, 0));
        assert_eq!(row.next_step(at(1)), Step::Begin);
        let again = row.apply(StatusUpdate::WithdrawAttempt, at(1));
        assert_eq!(again, Err(RefusedUpdate::NoAttempt));
    }
    row.epoch += 1;
    row.apply(begin(), at(1)).unwrap();
    row.epoch += 1;
    let of_another = row.apply(StatusUpdate::WithdrawAttempt, at(1));
    assert_eq!(of_another, Err(RefusedUpdate::NoAttempt));
}

#[test]
fn the_timeout_ends_every_phase_in_progress_at_its_instant() {
    for phase in PrebuildPhase::ALL {
        let mut row = prebuild();
        row.phase = phase;
        assert_eq!(row.deadline(), at(TIMEOUT));
        let before = row.next_step(at(TIMEOUT - 1));
        let then = row.next_step(at(TIMEOUT));
        if phase.is_in_progress() {
            assert_eq!(before, Step::Begin);
            let Step::Fail { message } = then else {
                panic!("{phase:?}: {then:?}")
            };
            let begins = format!("timed out after 5m while {}", phase.name());
            assert!(message.starts_with(&begins), "{message}");
        } else {
            assert_eq!(before, then, "{phase:?}");
        }
    }
    let mut endless = prebuild();
    endless.timeout = Duration::MAX;
    assert_eq!(endless.deadline(), Timestamp::MAX);
}

#[test]
fn cancellation_leads_to_deletion_where_that_was_asked() {
    let mut row = prebuild();
    assert!(row.request_cancel(at(1)).unwrap());
    assert!(row.request_delete(at(2)));
    assert!(!row.request_cancel(at(3)).unwrap());
    assert_eq!(row.desired_phase, Deleted);
    let steps = [
        (Step::FinishCancel, StatusUpdate::FinishCancel),
        (Step::BeginDelete, StatusUpdate::BeginDelete),
        (Step::FinishDelete, StatusUpdate::FinishDelete),
    ];
    for (step, update) in steps {
        assert!(row.needs_work());
        assert_eq!(row.next_step(at(4)), step);
        row.apply(update, at(4)).unwrap();
    }
    assert_eq!((row.phase, row.needs_work()), (Deleted, false));
    assert_eq!(row.next_step(at(4)), Step::Nothing);
}

#[test]
fn messages_are_bounded_and_warnings_not_repeated() {
    let mut row = prebuild();
    for line in [
        "image is ignored",
        "features are ignored",
        "image is ignored",
    ] {
        row.apply(StatusUpdate::Warn(line.into()), at(1)).unwrap();
    }
    assert_eq!(
        row.warning_message,
        "image is ignored\nfeatures are ignored"
    );
    let long = "é".repeat(MAX_MESSAGE_BYTES);
    row.apply(StatusUpdate::Warn(long.clone()), at(1)).unwrap();
    assert!((MAX_MESSAGE_BYTES - 1..=MAX_MESSAGE_BYTES).contains(&row.warning_message.len()));
    let empty = StatusUpdate::Fail {
        message: String::new(),
    };
    assert_eq!(row.apply(empty, at(1)), Err(RefusedUpdate::NoMessage));
    row.apply(StatusUpdate::Fail { message: long }, at(1))
        .unwrap();
    assert_eq!(row.failure_message.len(), MAX_MESSAGE_BYTES);
}

/// Everything that may happen to a row.
#[derive(Clone, Debug)]
enum Operation {
    Cancel,
    Delete,
    Claim,
    Report(StatusUpdate),
    /// Whatever the row asks its holder to do: reaches the far phases.
    Step,
}

fn operation() -> impl Strategy<Value = Operation> {
    let phase = proptest::sample::select(PrebuildPhase::ALL.to_vec());
    let report = prop_oneof![
        Just(begin()),
        Just(StatusUpdate::WithdrawAttempt),
        phase.prop_map(StatusUpdate::Advance),
        Just(StatusUpdate::Resolve {
            commit: "c".into(),
            reuse_key: None
        }),
        Just(StatusUpdate::Warn("w".into())),
        any::<u8>().prop_map(StatusUpdate::SnapshotProgress),
        (0..3_u64).prop_map(|snapshot_size_bytes| StatusUpdate::Complete {
            snapshot_size_bytes
        }),
        "f?".prop_map(|message| StatusUpdate::Fail { message }),
        Just(StatusUpdate::FinishCancel),
        Just(StatusUpdate::BeginDelete),
        Just(StatusUpdate::FinishDelete),
    ];
    prop_oneof![
        1 => Just(Operation::Cancel),
        1 => Just(Operation::Delete),
        2 => Just(Operation::Claim),
        8 => report.prop_map(Operation::Report),
        12 => Just(Operation::Step),
    ]
}

/// What a well-behaved holder reports next.
fn well_behaved(row: &Prebuild, now: Timestamp) -> Option<StatusUpdate> {
    Some(match row.next_step(now) {
        Step::Begin => begin(),
        Step::Continue => match row.phase {
            Starting => StatusUpdate::Advance(Running),
            Running => StatusUpdate::Advance(Stopping),
            Stopping => StatusUpdate::Advance(Snapshotting),
            _ => StatusUpdate::Complete {
                snapshot_size_bytes: 1,
            },
        },
        Step::Fail { message } => StatusUpdate::Fail { message },
        Step::FinishCancel => StatusUpdate::FinishCancel,
        Step::BeginDelete => StatusUpdate::BeginDelete,
        Step::FinishDelete => StatusUpdate::FinishDelete,
        Step::Nothing => return None,
    })
}

/// Performs one operation.
fn perform(row: &mut Prebuild, operation: Operation, now: Timestamp) {
    match operation {
        Operation::Cancel => drop(row.request_cancel(now)),
        Operation::Delete => drop(row.request_delete(now)),
        Operation::Claim => row.epoch += 1,
        Operation::Report(update) => {
            let before = row.clone();
            match row.apply(update, now) {
                Ok(()) => assert_eq!(row.status_version, before.status_version + 1),
                Err(_) => assert_eq!(*row, before, "a refused report changes nothing"),
            }
        }
        Operation::Step => {
            if let Some(update) = well_behaved(row, now) {
                row.apply(update, now).expect("the step it asked for");
            }
        }
    }
}

fn check(before: &Prebuild, after: &Prebuild) {
    if before.phase != after.phase {
        assert!(
            before.phase.can_transition_to(after.phase),
            "{:?} to {:?}",
            before.phase,
            after.phase
        );
        assert_eq!(after.status_version, before.status_version + 1);
    }
    assert!(after.status_version - before.status_version <= 1);
    assert!(after.spec_version - before.spec_version <= 1);
    assert_eq!(
        after.spec_version - before.spec_version,
        u64::from(before.desired_phase != after.desired_phase)
    );
    if before.phase.has_ended() {
        let outcome = |row: &Prebuild| {
            (
                row.completion_time,
                row.failure_message.clone(),
                row.snapshot_size_bytes,
                row.snapshot_percentage,
            )
        };
        assert_eq!(outcome(before), outcome(after), "an ending is final");
    }
    assert_eq!(after.completion_time.is_some(), after.phase.has_ended());
    assert_eq!(
        after.snapshot_percentage == 100,
        after.snapshot_size_bytes > 0
    );
    if after.phase == Completed {
        assert!(after.snapshot_size_bytes > 0);
        assert!(matches!(before.phase, Snapshotting | Completed));
    }
    if after.phase == Failed {
        assert!(!after.failure_message.is_empty());
    }
    assert!(after.snapshot_percentage >= before.snapshot_percentage);
    assert!(after.attempts <= MAX_ATTEMPTS);
    assert_eq!(after.needs_work(), after.next_step(at(0)) != Step::Nothing);
    if matches!(after.phase, Deleting | Deleted) {
        assert_eq!(after.desired_phase, Deleted);
    }
}

proptest! {
    #[test]
    fn no_sequence_of_operations_breaks_an_invariant(
        operations in prop::collection::vec((operation(), 0..40_i64), 0..60)
    ) {
        let mut row = prebuild();
        let mut second = 0;
        for (operation, later) in operations {
            second += later;
            let before = row.clone();
            perform(&mut row, operation, at(second));
            check(&before, &row);
        }
        // Whatever happened, holders that do as told bring it to an end.
        for _ in 0..16 {
            row.epoch += 1;
            perform(&mut row, Operation::Step, at(second));
            if !row.needs_work() {
                break;
            }
        }
        prop_assert!(row.phase.is_terminal(), "{:?}", row.phase);
    }
}
