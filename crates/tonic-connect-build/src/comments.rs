//! Comments of a schema, made fit for rustdoc.
//!
//! rustdoc compiles and runs what it takes for a block of Rust: a fence without a language, or four spaces in front.
//! Comments in `.proto` files have both, and hold anything but Rust. So here every block becomes a fence that says
//! `text`, and what only looks like a block (deep lists, quotes) loses its depth. Everything else stays as it is, and
//! so does the schema itself: `descriptor.binpb` has the comments as they were written.

use prost_types::FileDescriptorProto;

/// More spaces than this in front are an indented block in Markdown.
const MOST_INDENT: usize = 3;

/// The words after a fence that leave it Rust for rustdoc.
const RUST: [&str; 8] = [
    "rust",
    "ignore",
    "should_panic",
    "no_run",
    "compile_fail",
    "test_harness",
    "standalone",
    "standalone_crate",
];

/// Cleans all comments of a file.
pub(crate) fn clean(file: &mut FileDescriptorProto) {
    let Some(info) = &mut file.source_code_info else {
        return;
    };
    for location in &mut info.location {
        // Detached ones become no documentation.
        for comment in [
            &mut location.leading_comments,
            &mut location.trailing_comments,
        ]
        .into_iter()
        .flatten()
        {
            *comment = clean_comment(comment);
        }
    }
}

/// An open block of code.
enum Block {
    /// Until a fence of the same characters, at least as long, or the end.
    Fenced { mark: char, length: usize },
    /// While lines are indented by so much, or blank.
    Indented { by: usize },
}

fn clean_comment(comment: &str) -> String {
    let comment = comment.replace('\t', "    ");
    let mut out = String::with_capacity(comment.len() + 32);
    let mut line_out = |line: &str| {
        if !line.is_empty() {
            out.push(' ');
            out.push_str(line);
        }
        out.push('\n');
    };
    let mut block = None;
    let mut after_blank = true;
    let mut in_list = false;
    // The indentation that all lines share is the comment's, not the text's.
    let shared = comment
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(indent)
        .min()
        .unwrap_or_default()
        .min(1);
    for line in comment.lines() {
        let line = line.trim_end();
        let line = line.get(shared.min(indent(line))..).unwrap_or_default();
        match block {
            Some(Block::Fenced { mark, length }) => {
                let text = line.trim_start_matches([' ', '>']);
                if text.chars().all(|each| each == mark) && text.len() >= length {
                    line_out("```");
                    block = None;
                } else {
                    line_out(&inside(line));
                }
                after_blank = true;
                continue;
            }
            Some(Block::Indented { by }) => {
                if line.is_empty() || indent(line) >= by {
                    line_out(&inside(line.get(by..).unwrap_or_default()));
                    continue;
                }
                line_out("```");
                block = None;
            }
            None => {}
        }
        let (marker, text) = containers(line);
        if let Some((mark, length, language)) = fence(text) {
            // A fence of ours stands outside of lists and quotes, so that only we close it.
            if !marker.trim().is_empty() {
                line_out(marker.trim());
            }
            line_out("");
            line_out(&format!("```{language}"));
            block = Some(Block::Fenced { mark, length });
        } else if indent(line) > MOST_INDENT && after_blank && !in_list {
            line_out("");
            line_out("```text");
            line_out(&inside(&line[indent(line)..]));
            block = Some(Block::Indented { by: indent(line) });
        } else {
            let depth = indent(line).min(MOST_INDENT);
            line_out(&format!("{}{marker}{text}", " ".repeat(depth)));
            in_list = is_item(&marker) || (in_list && (line.is_empty() || indent(line) > 0));
        }
        after_blank = line.is_empty();
    }
    if block.is_some() {
        line_out("```");
    }
    out
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// A line of a block, which must not end it: the blocks written here are fences of backticks.
fn inside(line: &str) -> String {
    line.replace("```", "` ` `")
}

/// The marks of lists and quotes in front of a text, each with one space behind, and the text without spaces in front.
fn containers(line: &str) -> (String, &str) {
    let mut marker = String::new();
    let mut text = line.trim_start();
    loop {
        let number = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let length = match text[number..].chars().next() {
            Some('>') if number == 0 => 1,
            Some('-' | '+' | '*') if number == 0 => 1,
            Some('.' | ')') if (1..=9).contains(&number) => number + 1,
            _ => break,
        };
        let rest = &text[length..];
        if !(text.starts_with('>') || rest.is_empty() || rest.starts_with(' ')) {
            break;
        }
        marker.push_str(&text[..length]);
        marker.push(' ');
        text = rest.trim_start();
    }
    (marker, text)
}

fn is_item(marker: &str) -> bool {
    marker.contains(|c: char| !matches!(c, ' ' | '>'))
}

/// The character and the length of an opening fence, and the language that it shall have.
fn fence(text: &str) -> Option<(char, usize, String)> {
    let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let info = text.trim_start_matches(mark);
    let length = text.len() - info.len();
    if length < 3 || (mark == '`' && info.contains('`')) {
        return None;
    }
    let mut words = info.split([' ', ',', '{', '}', '.']);
    let language = words.find(|word| !word.is_empty()).unwrap_or_default();
    let other = !language.is_empty()
        && language
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+'))
        && !RUST.contains(&language)
        && !language.starts_with("edition")
        && !language.starts_with("ignore");
    let language = if other { language } else { "text" };
    Some((mark, length, language.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::clean_comment;

    #[test]
    fn blocks_become_fences_that_are_not_rust() {
        let cases = [
            (" plain\n text\n", " plain\n text\n"),
            (" ```\n code\n ```\n", "\n ```text\n code\n ```\n"),
            (" ```rust\n code\n", "\n ```text\n code\n ```\n"),
            (" ```rust,ignore\n ```\n", "\n ```text\n ```\n"),
            (" ~~~json\n {}\n ~~~\n", "\n ```json\n {}\n ```\n"),
            (
                " a:\n\n     code\n b\n",
                " a:\n\n\n ```text\n code\n ```\n b\n",
            ),
            (
                " > ```\n > code\n > ```\n",
                " >\n\n ```text\n > code\n ```\n",
            ),
            (" -     no code\n", " - no code\n"),
            (" - item\n\n       more\n", " - item\n\n    more\n"),
            (" `a` and ```b``` inline\n", " `a` and ```b``` inline\n"),
            ("\tcode\n", "    code\n"),
        ];
        for (comment, expected) in cases {
            assert_eq!(clean_comment(comment), expected, "{comment:?}");
        }
    }
}
