//! Writes records (RFC 4180) that no spreadsheet takes for a formula (security.md row 65).

/// Appends one record with its line end.
///
/// A cell that a spreadsheet would run gets a `'` in front, which it does not show (OWASP ASVS 1.2.10).
pub fn write_record<'a>(out: &mut String, cells: impl Iterator<Item = &'a str>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(',');
        }
        let guard = if is_formula(cell) { "'" } else { "" };
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

fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
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
