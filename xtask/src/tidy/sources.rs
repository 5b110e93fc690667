//! Rules for single files: headers, length, unfinished work, binaries.

use super::{File, Report};

/// Longer files are looked at: are they one thing?
const LINES_NOTABLE: usize = 500;
/// Written by a program; `cargo xtask plugins --check-bindings` looks after it.
const GENERATED: [&str; 1] = ["sdk/rust/src/bindings.rs"];

/// Built or bought elsewhere: a repository holds what people write.
const BINARY_ENDINGS: [&str; 18] = [
    ".wasm", ".cwasm", ".so", ".a", ".o", ".dll", ".dylib", ".exe", ".whl", ".jar", ".tgz", ".gz",
    ".zip", ".png", ".jpg", ".db", ".sqlite", ".min.js",
];

/// Marks of unfinished work, in two parts so that this file does not hold them.
const UNFINISHED: [(&str, &str); 5] =
    [("todo", "!("), ("unimplemented", "!("), ("#[ig", "nore"), ("FIX", "ME"), ("TO", "DO")];

pub(super) fn check(files: &[File], report: &mut Report) {
    for file in files {
        check_binary(file, report);
        if file.is_rust() && !GENERATED.contains(&file.path.as_str()) {
            check_header(file, report);
            check_length(file, report);
            check_unfinished(file, report);
            check_allows(file, report);
        }
    }
}

fn check_binary(file: &File, report: &mut Report) {
    if BINARY_ENDINGS.iter().any(|ending| file.path.ends_with(ending)) {
        report.problem(&file.path, "is a binary; build or fetch it instead");
    }
}

fn check_header(file: &File, report: &mut Report) {
    if !file.text.starts_with("//!") {
        report.problem(&file.path, "begins without `//!`: say what is here and what is not");
    }
}

fn check_length(file: &File, report: &mut Report) {
    let lines = file.text.lines().count();
    if lines > LINES_NOTABLE {
        report.warning(&file.path, format!("has {lines} lines; is it one thing?"));
    }
}

fn check_unfinished(file: &File, report: &mut Report) {
    for (number, line) in file.lines() {
        for (first, second) in UNFINISHED {
            let mark = format!("{first}{second}");
            if line.contains(&mark) {
                report.problem(format!("{}:{number}", file.path), format!("has `{mark}`"));
            }
        }
    }
}

fn check_allows(file: &File, report: &mut Report) {
    for (number, line) in file.lines() {
        let is_allow = ["#[allow", "#![allow"].iter().any(|mark| line.trim().starts_with(mark));
        if is_allow && !line.contains("reason =") {
            let place = format!("{}:{number}", file.path);
            report.problem(place, "use `#[expect(…, reason = \"…\")]`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        let mut report = Report::default();
        check(&[File { path: path.into(), text: text.into() }], &mut report);
        report.problems
    }

    #[test]
    fn a_file_in_order_has_no_problem() {
        assert_eq!(problems("host/a.rs", "//! A thing.\n\nfn a() {}\n"), Vec::<String>::new());
    }

    #[test]
    fn unfinished_work_is_a_problem() {
        let text = format!("//! A thing.\nfn a() {{ {}{}) }}\n", "todo", "!(");
        assert_eq!(problems("host/a.rs", &text).len(), 1);
    }

    #[test]
    fn a_file_without_header_and_a_binary_are_problems() {
        assert_eq!(problems("host/a.rs", "fn a() {}\n").len(), 1);
        assert_eq!(problems("plugins/a.wasm", "").len(), 1);
    }
}
