//! Finds the field that a JSON error is about.
//!
//! The errors of the JSON reader carry an offset, and no field name. Only when an error happened, the text before that
//! position is walked once more to see which keys and indices enclose it: the way that succeeds pays nothing.

/// The longest path that is reported, in steps; a stranger's deep nesting must not become a long message.
const MAX_STEPS: usize = 16;
/// The longest key that is reported, in bytes.
const MAX_KEY: usize = 64;

/// One enclosing object or array, and where in it we are.
enum Step {
    Object { key: String, expects_key: bool },
    Array { index: usize },
}

/// The path, such as `spec.args[2]`, of the value whose reading failed when `read` bytes were read of a JSON text that
/// may be broken from there on; empty when that is in no field.
pub(crate) fn json_path_at(text: &[u8], read: usize) -> String {
    let mut end = read.min(text.len());
    // An error is often reported at the punctuation that follows the value which it is about.
    while end > 0
        && matches!(
            text[end - 1],
            b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n'
        )
    {
        end -= 1;
    }
    let mut steps: Vec<Step> = Vec::new();
    let mut at = 0;
    while at < end {
        match text[at] {
            b'{' => steps.push(Step::Object {
                key: String::new(),
                expects_key: true,
            }),
            b'[' => steps.push(Step::Array { index: 0 }),
            b'}' | b']' => {
                steps.pop();
            }
            b',' => match steps.last_mut() {
                Some(Step::Object { key, expects_key }) => {
                    key.clear();
                    *expects_key = true;
                }
                Some(Step::Array { index }) => *index += 1,
                None => {}
            },
            b':' => {
                if let Some(Step::Object { expects_key, .. }) = steps.last_mut() {
                    *expects_key = false;
                }
            }
            b'"' => {
                let start = at + 1;
                at = string_end(text, start);
                if let Some(Step::Object {
                    key,
                    expects_key: true,
                }) = steps.last_mut()
                {
                    let name = &text[start..at.min(start + MAX_KEY)];
                    *key = String::from_utf8_lossy(name).into_owned();
                }
            }
            _ => {}
        }
        at += 1;
    }
    render(&steps)
}

/// The offset of the quote that ends the string whose content starts at `at`, or the end of the text.
fn string_end(text: &[u8], mut at: usize) -> usize {
    while at < text.len() && text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at.min(text.len())
}

fn render(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps.iter().take(MAX_STEPS) {
        match step {
            Step::Object { key, .. } if key.is_empty() => {}
            Step::Object { key, .. } => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.extend(key.chars().filter(|c| !c.is_control()));
            }
            Step::Array { index } => {
                path.push('[');
                path.push_str(&index.to_string());
                path.push(']');
            }
        }
    }
    path
}
