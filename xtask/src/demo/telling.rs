//! How the demo tells its story: what happens, when, and what came of it.

use std::io::{IsTerminal, Write};
use std::time::Instant;

/// The width of the clock before a headline.
const INDENT: &str = "           ";

/// Writes to stdout, with the seconds since the beginning before each headline.
pub struct Telling {
    began: Instant,
    is_bold: bool,
}

impl Telling {
    /// Starts the clock.
    pub fn begin() -> Self {
        Self { began: Instant::now(), is_bold: std::io::stdout().is_terminal() }
    }

    /// Something begins.
    pub fn step(&self, headline: &str) {
        let (on, off) = if self.is_bold { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
        println!("\n{:7.1} s  {on}{headline}{off}", self.began.elapsed().as_secs_f64());
        let _ = std::io::stdout().flush();
    }

    /// Something came of it.
    pub fn say(&self, line: impl AsRef<str>) {
        println!("{INDENT}{}", line.as_ref());
        let _ = std::io::stdout().flush();
    }
}
