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
pub const PIECE_CHARACTERS: usize = 3;
/// Most pieces of one search that the index is asked for.
const PIECES_MAX: usize = 16;

/// The pieces of three characters, in lower case, that every text holds which the search finds. Empty
/// where the index is of no help: it needs three letters or digits in a row.
pub fn pieces(search: &str) -> Vec<String> {
    let folded = search.trim().to_lowercase();
    let runs = folded.split(|c: char| !c.is_alphanumeric());
    if !runs.into_iter().any(|run| run.chars().count() >= PIECE_CHARACTERS) {
        return Vec::new();
    }
    let mut pieces = Vec::new();
    for part in folded.split('*') {
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
        assert_eq!(pieces("Admin"), ["adm", "min"]);
        assert_eq!(pieces("bill*ADMINS "), ["bil", "ill", "adm", "ins"]);
        assert_eq!(pieces("ÄÖÜ"), ["äöü"]);
    }

    #[test]
    fn short_words_and_signs_have_no_pieces() {
        for search in ["", "*", "ab", "a*b*c", "a-b", "--- ---"] {
            assert_eq!(pieces(search), Vec::<String>::new(), "{search}");
        }
    }

    #[test]
    fn a_long_search_has_few_pieces() {
        assert_eq!(pieces(&"abc".repeat(500)).len(), PIECES_MAX);
    }
}
