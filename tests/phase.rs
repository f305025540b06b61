//! The machine of phases, cell by cell.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use prebuilds::v1::PrebuildPhase::{self, *};

/// From each phase: whether it is terminal, has ended, is in progress, and what may follow.
const MACHINE: [(PrebuildPhase, bool, bool, bool, &[PrebuildPhase]); 12] = [
    (Unspecified, false, false, false, &[]),
    (Pending, false, false, true, &[Starting, Failed, Cancelling]),
    (Starting, false, false, true, &[Running, Failed, Cancelling]),
    (Running, false, false, true, &[Stopping, Failed, Cancelling]),
    (
        Stopping,
        false,
        false,
        true,
        &[Snapshotting, Failed, Cancelling],
    ),
    (
        Snapshotting,
        false,
        false,
        true,
        &[Completed, Failed, Cancelling],
    ),
    (Completed, true, true, false, &[Deleting]),
    (Failed, true, true, false, &[Deleting]),
    (Cancelling, false, false, false, &[Cancelled]),
    (Cancelled, true, true, false, &[Deleting]),
    (Deleting, false, true, false, &[Deleted]),
    (Deleted, true, true, false, &[]),
];

#[test]
fn every_phase_is_classified_and_followed_as_the_table_says() {
    for (phase, terminal, ended, in_progress, next) in MACHINE {
        assert_eq!(phase.is_terminal(), terminal, "{phase:?}");
        assert_eq!(phase.has_ended(), ended, "{phase:?}");
        assert_eq!(phase.is_in_progress(), in_progress, "{phase:?}");
        assert_eq!(phase.is_cancellable(), in_progress, "{phase:?}");
        for (other, ..) in MACHINE {
            assert_eq!(
                phase.can_transition_to(other),
                next.contains(&other),
                "{phase:?} to {other:?}"
            );
        }
    }
}

#[test]
fn every_phase_is_read_back_from_each_of_its_spellings() {
    for phase in PrebuildPhase::ALL {
        let name = phase.name();
        let upper = name.to_ascii_uppercase();
        assert_eq!(format!("PREBUILD_PHASE_{upper}"), phase.as_str_name());
        for text in [
            name,
            &upper,
            phase.as_str_name(),
            &phase.as_str_name().to_lowercase(),
        ] {
            assert_eq!(text.parse::<PrebuildPhase>(), Ok(phase), "{text}");
        }
    }
}

#[test]
fn other_texts_are_refused_with_the_list_of_phases() {
    for text in [
        "",
        "unspecified",
        "PREBUILD_PHASE_",
        "PREBUILD_PHASE_UNSPECIFIED",
        "PREBUILD_PHASE_PREBUILD_PHASE_FAILED",
        " completed",
        "complete",
        "60",
        "ééééééééé",
    ] {
        let error = text.parse::<PrebuildPhase>().unwrap_err().to_string();
        assert!(error.contains(&format!("{text:?}")), "{error}");
        assert!(error.contains("snapshotting, completed"), "{error}");
    }
    let long = "x".repeat(1 << 20).parse::<PrebuildPhase>().unwrap_err();
    assert_eq!(long.0.len(), 64);
}
