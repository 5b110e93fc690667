//! Writes records (RFC 4180) that no spreadsheet takes for a formula (security.md row 65).

/// Appends one record with its line end.
///
/// A cell that a spreadsheet would run gets a `'` in front, which it does not show (OWASP ASVS 1.2.10).
/// So does one that begins with such a `'` itself: [`unguarded`] takes exactly one off.
pub fn write_record<'a>(out: &mut String, cells: impl Iterator<Item = &'a str>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(',');
        }
        let guard = if is_formula(cell.trim_start_matches('\'')) { "'" } else { "" };
        if guard.is_empty() && !cell.is_empty() && !cell.contains(['"', ',', '\r', '\n', ' ']) {
            out.push_str(cell);
            continue;
        }
        out.push('"');
        out.push_str(guard);
        out.push_str(&cell.replace('"', "\"\""));
        out.push('"');
    }
    out.push_str("\r\n");
}

/// With what a formula begins, for one spreadsheet or another.
const FORMULAS: [&str; 11] = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"];

fn is_formula(cell: &str) -> bool {
    FORMULAS.iter().any(|begin| cell.starts_with(begin))
}

/// A cell as it was before it was written: without the `'` that guards a formula.
pub(super) fn unguarded(cell: &[u8]) -> &[u8] {
    let Some(rest) = cell.strip_prefix(b"'") else { return cell };
    let quotes = rest.iter().take_while(|byte| **byte == b'\'').count();
    let begins = rest.get(quotes..).unwrap_or_default();
    let is_guarded = FORMULAS.iter().any(|begin| begins.starts_with(begin.as_bytes()));
    if is_guarded { rest } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(cell: &str) -> String {
        let mut out = String::new();
        write_record(&mut out, [cell].into_iter());
        out
    }

    #[test]
    fn every_cell_that_a_spreadsheet_would_run_is_guarded() {
        for cell in ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1"] {
            assert_eq!(written(cell), format!("\"'{}\"\r\n", cell.replace('"', "\"\"")));
        }
    }

    #[test]
    fn plain_cells_stay_and_others_are_quoted() {
        assert_eq!(written("Ada"), "Ada\r\n");
        assert_eq!(written("a,b \"c\""), "\"a,b \"\"c\"\"\"\r\n");
        assert_eq!(written(""), "\"\"\r\n");
    }
}
