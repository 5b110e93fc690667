//! Every SQL text is one that the test prepares on both databases.
//!
//! In `host/store` that is a constant in a `statements!` block, or one that `built_statements` names
//! because its number of rows is decided while it runs. No other crate holds SQL. Test modules, which
//! stand at the end of a file, may hold any text.

use super::{File, Report};

const STORE: &str = "host/store/src/";
const SQL_WORDS: [&str; 5] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];
/// Not prepared on both: the first knows in what they differ, the second puts all of a search's together
/// and lists them, the next ones are tests (the engine's changes rows behind its back), and the last shares
/// nothing with the store on purpose; its statements run on both in the store's tests.
const EXEMPT_FILES: [&str; 6] = [
    "host/store/src/dialect.rs",
    "host/store/src/entitlement_search/text.rs",
    "host/store/src/tests.rs",
    "host/store/src/tests/",
    "host/engine/tests/engine/listed_mappings.rs",
    "host/verify/src/database.rs",
];
/// Texts with nothing to prepare.
const EXEMPT_TEXTS: [&str; 1] = ["\"SELECT 1\""];

pub(super) fn check(files: &[File], report: &mut Report) {
    let is_host = |file: &&File| file.is_rust() && file.path.starts_with("host/");
    let is_exempt = |file: &&File| EXEMPT_FILES.iter().any(|exempt| file.path.starts_with(exempt));
    for file in files.iter().filter(is_host).filter(|file| !is_exempt(file)) {
        for (number, name) in unlisted(&file.text) {
            let place = format!("{}:{number}", file.path);
            if !file.path.starts_with(STORE) {
                report.problem(place, "SQL belongs into host/store");
            } else if !name.is_some_and(|name| is_built(&file.text, name)) {
                report.problem(place, "SQL outside of `statements!` and `built_statements`");
            }
        }
    }
}

/// SQL texts outside of `statements!`: their lines, and the constant's name if they have one.
fn unlisted(text: &str) -> Vec<(usize, Option<&str>)> {
    let mut found = Vec::new();
    let mut is_listed = false;
    let mut constant = None;
    let is_before_tests = |line: &&str| !line.starts_with("mod tests {");
    for (index, line) in text.lines().take_while(is_before_tests).enumerate() {
        if line == "}" {
            (is_listed, constant) = (false, None);
        } else if line.starts_with("statements! {") || line.starts_with("macro_rules! ") {
            // A macro's text is a part of statements that are listed.
            is_listed = true;
        } else if let Some(name) = constant_name(line) {
            constant = Some(name);
        }
        if holds_sql(line) && !is_listed {
            found.push((index + 1, constant));
        }
        if line.ends_with(';') {
            constant = None;
        }
    }
    found
}

fn holds_sql(line: &str) -> bool {
    let begins = |text: &str| SQL_WORDS.iter().any(|word| text.starts_with(word));
    let is_exempt = EXEMPT_TEXTS.iter().any(|text| line.contains(text));
    let is_comment = line.trim_start().starts_with("//");
    !is_exempt && !is_comment && line.split('"').skip(1).step_by(2).any(begins)
}

/// `NAME` of `const NAME: …`.
fn constant_name(line: &str) -> Option<&str> {
    let rest = line.trim_start().trim_start_matches("pub(crate) ").strip_prefix("const ")?;
    rest.split_once(':').map(|(name, _)| name)
}

/// Whether the file's `built_statements` names the constant.
fn is_built(text: &str, name: &str) -> bool {
    let Some((_, body)) = text.split_once("fn built_statements") else { return false };
    let body = body.split_once("\n}").map_or(body, |(body, _)| body);
    body.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
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
    fn a_listed_statement_is_in_order() {
        let text = "statements! {\n    GET = \"SELECT a FROM b\";\n}\n";
        assert_eq!(problems("host/store/src/b.rs", text), Vec::<String>::new());
    }

    #[test]
    fn a_statement_beside_the_lists_is_a_problem() {
        let text = "const GET: &str =\n    \"SELECT a FROM b\";\n";
        let expected = "host/store/src/b.rs:2: SQL outside of `statements!` and `built_statements`";
        assert_eq!(problems("host/store/src/b.rs", text), [expected]);
    }

    #[test]
    fn a_built_statement_is_in_order() {
        let text = "const ADD: &str = \"INSERT INTO b VALUES \";\nfn built_statements() {\n    f(ADD)\n}\n";
        assert_eq!(problems("host/store/src/b.rs", text), Vec::<String>::new());
    }

    #[test]
    fn sql_in_another_crate_is_a_problem() {
        let text = "fn a() { run(\"DELETE FROM b\") }\n";
        let expected = "host/engine/src/b.rs:1: SQL belongs into host/store";
        assert_eq!(problems("host/engine/src/b.rs", text), [expected]);
    }
}
