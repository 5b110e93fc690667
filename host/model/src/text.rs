//! Rules for text from outside (security.md rows 15 and 72): one place decides what a name may hold.

/// Longest name, in characters.
pub const NAME_CHARACTERS_MAX: usize = 200;
/// Longest description, in characters.
pub const DESCRIPTION_CHARACTERS_MAX: usize = 4_000;

/// Why a text is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// Over the limit.
    #[error("must have at most {max} characters")]
    TooLong {
        /// The limit, in characters.
        max: usize,
    },
    /// A control or direction-changing character, which could hide what the text says.
    #[error("must not hold the invisible character U+{code:04X}")]
    Invisible {
        /// The character's code point.
        code: u32,
    },
}

/// Accepts a name that people will see on one line.
pub fn check_name(text: &str) -> Result<(), InvalidText> {
    if text.trim().is_empty() {
        return Err(InvalidText::Empty);
    }
    check(text, NAME_CHARACTERS_MAX, false)
}

/// Accepts a description: may be empty, may have several lines.
pub fn check_description(text: &str) -> Result<(), InvalidText> {
    check(text, DESCRIPTION_CHARACTERS_MAX, true)
}

/// Accepts a cell of a list: any length that the caller allows, tabs and line ends included.
pub fn check_cell(text: &str) -> Result<(), InvalidText> {
    let is_hidden =
        |c: char| (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) || is_direction_control(c);
    match text.chars().find(|&c| is_hidden(c)) {
        Some(c) => Err(InvalidText::Invisible { code: c as u32 }),
        None => Ok(()),
    }
}

fn check(text: &str, max: usize, is_multi_line: bool) -> Result<(), InvalidText> {
    if text.chars().count() > max {
        return Err(InvalidText::TooLong { max });
    }
    let is_hidden = |c: char| {
        (c.is_control() && !(is_multi_line && matches!(c, '\n' | '\t'))) || is_direction_control(c)
    };
    match text.chars().find(|&c| is_hidden(c)) {
        Some(c) => Err(InvalidText::Invisible { code: c as u32 }),
        None => Ok(()),
    }
}

/// Whether a text holds a character that hides what it says: a control character, or one that
/// changes the direction or has no width.
pub fn is_hiding(text: &str) -> bool {
    text.chars().any(|c| c.is_control() || is_direction_control(c))
}

/// Whether a character is drawn as an emoji, or makes one of what stands before it.
pub fn is_emoji(c: char) -> bool {
    matches!(c, '\u{20E3}' | '\u{2600}'..='\u{27BF}' | '\u{2B05}'..='\u{2B07}' | '\u{2B1B}' | '\u{2B1C}' | '\u{2B50}' | '\u{2B55}'
        | '\u{FE0F}' | '\u{1F000}'..='\u{1FAFF}' | '\u{E0020}'..='\u{E007F}')
}

/// Bidirectional controls, zero-width characters and the byte order mark.
fn is_direction_control(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

/// Text of a plugin or a target made harmless for a log line or a message: control and direction
/// characters become `\u{…}`, and what is over `max` characters is cut.
pub fn printable(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    for (count, c) in text.chars().enumerate() {
        if count == max {
            out.push('…');
            break;
        }
        if c.is_control() || is_direction_control(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_direction_override_is_refused() {
        assert_eq!(check_name("ada\u{202E}txt"), Err(InvalidText::Invisible { code: 0x202E }));
        assert_eq!(check_name("a\0"), Err(InvalidText::Invisible { code: 0 }));
        assert_eq!(check_name(" "), Err(InvalidText::Empty));
        assert_eq!(check_name("Ada Lovelace"), Ok(()));
    }

    #[test]
    fn emoji_are_told_from_letters_and_signs() {
        assert!("😀🇫🇷✔️👩‍💻☀5️⃣".chars().any(is_emoji));
        for emoji in ["😀", "🇫🇷", "✔", "👩‍💻", "☀", "5️⃣", "⭐"] {
            assert!(emoji.chars().any(is_emoji), "{emoji}");
        }
        assert!(!"Größe 日本語 §©®™ №1 → ½ #*0".chars().any(is_emoji));
    }

    #[test]
    fn printable_escapes_line_breaks_and_cuts() {
        assert_eq!(printable("a\nb", 10), "a\\u{a}b");
        assert_eq!(printable("abcdef", 3), "abc…");
    }
}
