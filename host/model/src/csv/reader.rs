//! Cuts bytes into records (RFC 4180): pushed piece by piece, one record in memory.
//!
//! The usual CSV crates pull from a blocking source, let one record grow without bound, and end an
//! unclosed quote silently at the end of the file. All three matter for uploads; a test compares what
//! both accept.

use super::LineError;
use super::writer::unguarded;

/// Longest cell, in bytes.
pub const CELL_BYTES_MAX: usize = 32 * 1024;
/// Longest record, in bytes.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One record: its cells as they stand in the file, without their quotes.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The line on which it begins, from 1.
    pub line: u64,
    bytes: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    /// The cells, from left to right, each without the `'` that an export puts before a formula.
    pub fn cells(&self) -> impl Iterator<Item = &'a [u8]> {
        let (bytes, ends) = (self.bytes, self.ends);
        let begins = std::iter::once(0).chain(ends.iter().copied());
        let cells = begins.zip(ends).map(move |(begin, &end)| bytes.get(begin..end));
        cells.map(|cell| unguarded(cell.unwrap_or_default()))
    }

    /// How many cells it has.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it has no cell, which no record of a file is.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

/// After one of these nothing in the file has a meaning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// The file ends within quotes.
    #[error("the quote that is opened on this line is never closed")]
    UnclosedQuote {
        /// Where it is opened.
        line: u64,
    },
    /// A closing quote is followed by something else than a comma or the line's end.
    #[error("a closing quote must be followed by a comma or the end of the line")]
    TextAfterQuote {
        /// Where.
        line: u64,
    },
    /// A cell, or all cells of a record together, are too long.
    #[error(
        "a cell has at most {CELL_BYTES_MAX} bytes, and a record at most {RECORD_BYTES_MAX}: is a quote missing?"
    )]
    TooLong {
        /// The line on which the record begins.
        line: u64,
    },
}

impl From<SyntaxError> for LineError {
    fn from(error: SyntaxError) -> Self {
        let message = error.to_string();
        let (line, code) = match error {
            SyntaxError::UnclosedQuote { line } => (line, "unclosed_quote"),
            SyntaxError::TextAfterQuote { line } => (line, "text_after_quote"),
            SyntaxError::TooLong { line } => (line, "too_long"),
        };
        Self::new(line, None, code, message)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    StartOfRecord,
    StartOfCell,
    Unquoted,
    Quoted,
    QuoteInQuoted,
}

/// Reads one file.
#[derive(Debug)]
pub struct Reader {
    state: State,
    /// The line of the next byte.
    line: u64,
    record_line: u64,
    quote_line: u64,
    /// A line feed that comes now belongs to the carriage return before it.
    is_after_return: bool,
    /// How much of a byte order mark was read; `None` behind the beginning.
    mark: Option<usize>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            state: State::StartOfRecord,
            line: 1,
            record_line: 1,
            quote_line: 1,
            is_after_return: false,
            mark: Some(0),
            bytes: Vec::new(),
            ends: Vec::new(),
        }
    }
}

impl Reader {
    /// Reads on; `each` gets every record that is complete.
    pub fn feed(
        &mut self,
        piece: &[u8],
        each: &mut impl FnMut(Record<'_>),
    ) -> Result<(), SyntaxError> {
        let mut rest = self.skip_mark(piece)?;
        while let [byte, later @ ..] = rest {
            let taken = match self.state {
                State::Unquoted => self.take_run(rest, b",\r\n")?,
                State::Quoted => self.take_run(rest, b"\"\r\n")?,
                State::StartOfRecord | State::StartOfCell | State::QuoteInQuoted => 0,
            };
            if taken > 0 {
                rest = rest.get(taken..).unwrap_or_default();
                self.is_after_return = false;
                continue;
            }
            self.step(*byte, each)?;
            rest = later;
        }
        Ok(())
    }

    /// Ends the file: the last record needs no line end.
    pub fn finish(mut self, each: &mut impl FnMut(Record<'_>)) -> Result<(), SyntaxError> {
        if let Some(read) = self.mark.take() {
            let held = BYTE_ORDER_MARK.get(..read).unwrap_or_default();
            self.feed(held, each)?;
        }
        match self.state {
            State::Quoted => Err(SyntaxError::UnclosedQuote { line: self.quote_line }),
            State::StartOfRecord => Ok(()),
            State::StartOfCell | State::Unquoted | State::QuoteInQuoted => {
                self.end_record(each);
                Ok(())
            }
        }
    }

    /// How many bytes are held back.
    pub fn buffered(&self) -> usize {
        self.bytes.len()
    }

    /// Leaves out a byte order mark at the beginning, which may come in pieces.
    fn skip_mark<'a>(&mut self, piece: &'a [u8]) -> Result<&'a [u8], SyntaxError> {
        let Some(read) = self.mark else { return Ok(piece) };
        let wanted = BYTE_ORDER_MARK.get(read..).unwrap_or_default();
        let common = wanted.iter().zip(piece).take_while(|(a, b)| a == b).count();
        let rest = piece.get(common..).unwrap_or_default();
        if common == wanted.len() {
            self.mark = None;
        } else if rest.is_empty() {
            self.mark = Some(read + common);
        } else {
            // Something else begins like a mark; it belongs to the first cell.
            self.mark = None;
            for byte in BYTE_ORDER_MARK.iter().take(read + common) {
                self.step(*byte, &mut |_| {})?;
            }
        }
        Ok(rest)
    }

    /// Takes bytes up to one that has a meaning in this state.
    fn take_run(&mut self, rest: &[u8], ends: &[u8]) -> Result<usize, SyntaxError> {
        let length = rest.iter().position(|b| ends.contains(b)).unwrap_or(rest.len());
        self.push(rest.get(..length).unwrap_or_default())?;
        Ok(length)
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), SyntaxError> {
        let begin = self.ends.last().copied().unwrap_or(0);
        let record = self.bytes.len() + bytes.len();
        if record - begin > CELL_BYTES_MAX || record > RECORD_BYTES_MAX {
            return Err(SyntaxError::TooLong { line: self.record_line });
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn step(&mut self, byte: u8, each: &mut impl FnMut(Record<'_>)) -> Result<(), SyntaxError> {
        let was_after_return = std::mem::replace(&mut self.is_after_return, byte == b'\r');
        if byte == b'\r' || (byte == b'\n' && !was_after_return) {
            self.line += 1;
        }
        match (self.state, byte) {
            // The second half of a line end, or a line with nothing on it.
            (State::StartOfRecord, b'\r' | b'\n') => {}
            (State::StartOfRecord, _) => {
                self.record_line = self.line;
                self.state = State::StartOfCell;
                return self.in_cell(byte, each);
            }
            _ => return self.in_cell(byte, each),
        }
        Ok(())
    }

    fn in_cell(&mut self, byte: u8, each: &mut impl FnMut(Record<'_>)) -> Result<(), SyntaxError> {
        match (self.state, byte) {
            (State::StartOfCell, b'"') => {
                self.quote_line = self.line;
                self.state = State::Quoted;
            }
            (State::StartOfCell | State::Unquoted | State::QuoteInQuoted, b',') => {
                self.end_cell()?;
                self.state = State::StartOfCell;
            }
            (State::StartOfCell | State::Unquoted | State::QuoteInQuoted, b'\r' | b'\n') => {
                self.end_record(each);
            }
            (State::StartOfCell | State::Unquoted, _) => {
                self.push(&[byte])?;
                self.state = State::Unquoted;
            }
            (State::Quoted, b'"') => self.state = State::QuoteInQuoted,
            (State::QuoteInQuoted, b'"') => {
                self.push(b"\"")?;
                self.state = State::Quoted;
            }
            (State::Quoted | State::StartOfRecord, _) => self.push(&[byte])?,
            (State::QuoteInQuoted, _) => {
                return Err(SyntaxError::TextAfterQuote { line: self.line });
            }
        }
        Ok(())
    }

    /// A comma costs a byte of the record's limit too, so that empty cells are bounded.
    fn end_cell(&mut self) -> Result<(), SyntaxError> {
        if self.bytes.len() + self.ends.len() >= RECORD_BYTES_MAX {
            return Err(SyntaxError::TooLong { line: self.record_line });
        }
        self.ends.push(self.bytes.len());
        Ok(())
    }

    fn end_record(&mut self, each: &mut impl FnMut(Record<'_>)) {
        self.ends.push(self.bytes.len());
        each(Record { line: self.record_line, bytes: &self.bytes, ends: &self.ends });
        self.bytes.clear();
        self.ends.clear();
        self.state = State::StartOfRecord;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Records = Vec<(u64, Vec<String>)>;

    fn read(pieces: &[&[u8]]) -> Result<Records, SyntaxError> {
        let mut records = Vec::new();
        let mut each = |record: Record<'_>| {
            let cells = record.cells().map(|cell| String::from_utf8_lossy(cell).into_owned());
            records.push((record.line, cells.collect()));
        };
        let mut reader = Reader::default();
        for piece in pieces {
            reader.feed(piece, &mut each)?;
        }
        reader.finish(&mut each)?;
        Ok(records)
    }

    fn rows(text: &str) -> Vec<Vec<String>> {
        read(&[text.as_bytes()]).unwrap().into_iter().map(|(_, cells)| cells).collect()
    }

    #[test]
    fn marks_line_ends_and_quoted_newlines_are_read() {
        let text = "\u{FEFF}a,b\r\n\"x\r\ny\",\"q\"\"q\"\r\n\n5\" disk,\n";
        let records = read(&[text.as_bytes()]).unwrap();
        let told = |line, cells: [&str; 2]| (line, cells.map(str::to_owned).to_vec());
        let expected =
            vec![told(1, ["a", "b"]), told(2, ["x\r\ny", "q\"q"]), told(5, ["5\" disk", ""])];
        assert_eq!(records, expected);
    }

    #[test]
    fn broken_quotes_are_found_with_their_line() {
        let refused = |text: &str| read(&[text.as_bytes()]).unwrap_err();
        assert_eq!(refused("a\n\"b\nc"), SyntaxError::UnclosedQuote { line: 2 });
        assert_eq!(refused("a\n\"b\"c"), SyntaxError::TextAfterQuote { line: 2 });
    }

    #[test]
    fn a_record_is_never_held_beyond_its_limit() {
        let mut reader = Reader::default();
        let piece = [b'x'; 10_000];
        let mut fed = 0;
        let refused = loop {
            fed += piece.len();
            assert!(reader.buffered() <= RECORD_BYTES_MAX);
            if let Err(error) = reader.feed(&piece, &mut |_| {}) {
                break error;
            }
        };
        assert_eq!((refused, fed), (SyntaxError::TooLong { line: 1 }, 40_000));
        let commas = ",".repeat(RECORD_BYTES_MAX + 1);
        assert_eq!(read(&[commas.as_bytes()]), Err(SyntaxError::TooLong { line: 1 }));
    }

    #[test]
    fn a_mark_in_pieces_is_left_out_and_half_a_mark_is_kept() {
        assert_eq!(read(&[b"\xEF", b"\xBB", b"\xBFa"]).unwrap(), [(1, vec!["a".to_owned()])]);
        let half = String::from_utf8_lossy(b"\xEF\xBBa").into_owned();
        assert_eq!(read(&[b"\xEF", b"\xBB", b"a"]).unwrap(), [(1, vec![half])]);
        let only = String::from_utf8_lossy(b"\xEF").into_owned();
        assert_eq!(read(&[b"\xEF"]).unwrap(), [(1, vec![only])]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn any_cut_into_pieces_reads_the_same(
            text in "[a\",\r\n\u{FEFF}é]{0,40}",
            cuts in proptest::collection::vec(0..80_usize, 0..4),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut at = 0;
            for cut in cuts {
                pieces.push(&bytes[at..cut]);
                at = cut;
            }
            pieces.push(&bytes[at..]);
            prop_assert_eq!(read(&pieces), read(&[bytes]));
        }

        #[test]
        fn what_is_accepted_reads_as_the_csv_crate_reads_it(text in "[ab\",\r\n]{0,40}") {
            let Ok(records) = read(&[text.as_bytes()]) else { return Ok(()) };
            let ours: Vec<_> = records.into_iter().map(|(_, cells)| cells).collect();
            let mut theirs = csv::ReaderBuilder::new();
            let theirs = theirs.has_headers(false).flexible(true);
            let theirs: Vec<Vec<String>> = theirs
                .from_reader(text.as_bytes())
                .records()
                .map(|record| record.unwrap().iter().map(str::to_owned).collect())
                .collect();
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = read(&[&bytes]);
        }

        #[test]
        fn what_is_written_is_read_back(
            cells in proptest::collection::vec("['=+@\\-＝ab\", ]['=+@ab\",\r\n ]{0,5}", 1..4),
        ) {
            let mut text = String::new();
            crate::csv::write_record(&mut text, cells.iter().map(String::as_str));
            prop_assert_eq!(rows(&text), vec![cells]);
        }
    }
}
