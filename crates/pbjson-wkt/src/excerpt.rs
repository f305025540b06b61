//! Bounded quotes of foreign text, so that an error is small however long the input was.

/// The longest quote, in characters: twice what any valid value needs.
const LIMIT: usize = 60;

/// The beginning of `text`, with an ellipsis where something is left out.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(LIMIT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
