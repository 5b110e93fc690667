//! How lists of entitlements are ordered, and which of them a search is about (CAT-8).

/// In which order entitlements are listed. Names and kinds ascend; equal ones by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// By name.
    #[default]
    Name,
    /// By kind, then by name.
    Kind,
    /// By the name of the app, then by name.
    App,
    /// What was changed last comes first.
    Changed,
}

impl Order {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Name, Self::Kind, Self::App, Self::Changed];

    /// Its name in requests and cursors.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Kind => "kind",
            Self::App => "app",
            Self::Changed => "changed",
        }
    }
}

/// Which entitlements a search is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Those that are in the target.
    #[default]
    Live,
    /// Those that are gone.
    Removed,
    /// All.
    Any,
}

impl State {
    /// Its name in statements.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Removed => "removed",
            Self::Any => "any",
        }
    }
}

/// Characters of a piece that an index over words knows.
const PIECE_CHARACTERS: usize = 3;
/// Most pieces of one search that the index is asked for.
const PIECES_MAX: usize = 16;

/// What is looked for in the words of an entitlement, which stand between spaces: lower case, `*` for
/// anything, empty for everything. One or two ASCII letters or digits are in nearly all words, so two are
/// looked for where a word begins, and one as a word of its own.
pub fn looked_for(search: &str) -> String {
    let folded = search.trim().to_lowercase();
    let is_short =
        folded.len() < PIECE_CHARACTERS && folded.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match (is_short, folded.len()) {
        (true, 1) => format!(" {folded} "),
        (true, 2) => format!(" {folded}"),
        _ if folded.bytes().all(|byte| byte == b'*') => String::new(),
        _ => folded,
    }
}

/// The pieces of three characters that all words hold in which `looked_for` is found. Empty where it
/// has no three characters in a row, of which an index knows nothing.
pub fn pieces(looked_for: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    for part in looked_for.split('*') {
        let characters: Vec<char> = part.chars().collect();
        let Some(last) = characters.len().checked_sub(PIECE_CHARACTERS) else { continue };
        // Side by side, and the end: all characters are covered once or twice.
        let starts = (0..last).step_by(PIECE_CHARACTERS).chain([last]);
        pieces.extend(starts.map(|start| -> String {
            characters[start..start + PIECE_CHARACTERS].iter().collect()
        }));
    }
    pieces.truncate(PIECES_MAX);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_in_what_the_search_finds() {
        assert_eq!(pieces("admin"), ["adm", "min"]);
        assert_eq!(pieces("bill*admins"), ["bil", "ill", "adm", "ins"]);
        assert_eq!(pieces("äöü"), ["äöü"]);
    }

    #[test]
    fn few_characters_in_a_row_have_no_pieces() {
        for search in ["", "ab", "a*b*c", "本語"] {
            assert_eq!(pieces(search), Vec::<String>::new(), "{search}");
        }
    }

    #[test]
    fn a_long_search_has_few_pieces() {
        assert_eq!(pieces(&"abc".repeat(500)).len(), PIECES_MAX);
    }

    #[test]
    fn short_words_are_looked_for_where_words_begin() {
        let all = [("HR ", " hr"), ("x", " x "), (" Admin ", "admin"), ("*hr", "*hr"), ("**", "")];
        for (search, expected) in all.into_iter().chain([("本語", "本語"), ("-", "-"), ("", "")])
        {
            assert_eq!(looked_for(search), expected);
        }
    }
}
