//! Documents that have to stay short, or in step with each other and with the code.

use std::collections::BTreeMap;

use super::{File, Report};

/// What a newcomer reads to the end.
const LINES_MAX: [(&str, usize); 2] = [("README.md", 120), ("ARCHITECTURE.md", 250)];
const DECISIONS: &str = "docs/adr/";
const PROBLEMS: &str = "docs/problems.md";
const OPERATING: &str = "docs/operating.md";
/// Where the program's settings are declared.
const OPTIONS: &str = "host/cli/src/options.rs";

pub(super) fn check(files: &[File], report: &mut Report) {
    for (path, lines_max) in LINES_MAX {
        match text_of(files, path).map(|text| text.lines().count()) {
            None => report.warning(path, "is missing"),
            Some(lines) if lines > lines_max => {
                report.problem(path, format!("has {lines} lines; {lines_max} is the limit"));
            }
            Some(_) => {}
        }
    }
    check_decisions(files, report);
    check_problems(files, report);
    check_settings(files, report);
    check_links(files, report);
}

fn text_of<'a>(files: &'a [File], path: &str) -> Option<&'a str> {
    files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
}

/// `docs/adr/NNNN-title.md`: numbers are unique, and ARCHITECTURE.md lists each.
fn check_decisions(files: &[File], report: &mut Report) {
    let map = text_of(files, "ARCHITECTURE.md").unwrap_or_default();
    let mut numbers: BTreeMap<&str, &str> = BTreeMap::new();
    for file in files {
        let Some(name) = file.path.strip_prefix(DECISIONS) else { continue };
        let number = name.split('-').next().unwrap_or_default();
        if number.len() != 4 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            report.problem(&file.path, "is not named `NNNN-title.md`");
        }
        if let Some(other) = numbers.insert(number, &file.path) {
            report.problem(&file.path, format!("has the number of `{other}`"));
        }
        if !map.contains(&file.path) {
            report.problem(&file.path, "is not linked from ARCHITECTURE.md");
        }
    }
}

/// The slugs of docs/problems.md (a table row each) are unique and stand in the server's code. A test
/// of the server looks for the opposite: a slug that is not described.
fn check_problems(files: &[File], report: &mut Report) {
    let is_server = |file: &&File| file.is_rust() && file.path.starts_with("host/server/src/");
    let code: String =
        files.iter().filter(is_server).map(|file| file.text.as_str()).collect::<Vec<_>>().concat();
    let mut slugs = Vec::new();
    for slug in text_of(files, PROBLEMS).unwrap_or_default().lines().filter_map(slug) {
        if slugs.contains(&slug) {
            report.problem(PROBLEMS, format!("describes `{slug}` twice"));
        }
        if !code.contains(&format!("\"{slug}\"")) {
            report.problem(PROBLEMS, format!("describes `{slug}`, which the server does not know"));
        }
        slugs.push(slug);
    }
}

/// The slug of a row such as ``| `not_found` | 404 | … |``.
fn slug(line: &str) -> Option<&str> {
    line.strip_prefix("| `")?.split_once("` |").map(|(slug, _)| slug)
}

/// Every environment variable of the program is described.
fn check_settings(files: &[File], report: &mut Report) {
    let described = text_of(files, OPERATING).unwrap_or_default();
    let options = text_of(files, OPTIONS).unwrap_or_default();
    let mut variables: Vec<&str> =
        options.split("env = \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    variables.sort_unstable();
    variables.dedup();
    for variable in variables {
        if !described.contains(&format!("`{variable}`")) {
            report.problem(OPERATING, format!("does not describe `{variable}`"));
        }
    }
}

/// Relative links of Markdown files lead somewhere.
fn check_links(files: &[File], report: &mut Report) {
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (number, line) in file.lines() {
            for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let target = target.split('#').next().unwrap_or_default();
                let is_elsewhere = target.contains(':') || target.is_empty();
                if !is_elsewhere && !exists(files, &joined(folder, target)) {
                    let place = format!("{}:{number}", file.path);
                    report.problem(place, format!("links to `{target}`, which does not exist"));
                }
            }
        }
    }
}

/// A file, or a folder that holds one.
fn exists(files: &[File], path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let is_inside =
        |file: &File| file.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
    files.iter().any(|file| file.path == path || is_inside(file))
}

/// `folder/target` with its `..` resolved.
fn joined(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        let always = [("README.md", ""), ("ARCHITECTURE.md", "[a](docs/adr/0001-a.md)")];
        let files: Vec<File> = always
            .iter()
            .chain(files)
            .map(|&(path, text)| File { path: path.into(), text: text.into() })
            .collect();
        let mut report = Report::default();
        check(&files, &mut report);
        report.problems
    }

    #[test]
    fn decisions_are_linked_and_numbered_once() {
        assert_eq!(problems(&[("docs/adr/0001-a.md", "")]), Vec::<String>::new());
        let twice = problems(&[("docs/adr/0001-a.md", ""), ("docs/adr/0001-b.md", "")]);
        assert_eq!(
            twice,
            [
                "docs/adr/0001-b.md: has the number of `docs/adr/0001-a.md`",
                "docs/adr/0001-b.md: is not linked from ARCHITECTURE.md",
            ]
        );
    }

    #[test]
    fn a_described_slug_stands_in_the_code() {
        let decision = ("docs/adr/0001-a.md", "");
        let page = (PROBLEMS, "| code |\n| --- |\n| `not_found` | 404 |\n| `gone` | 410 |\n");
        let code = ("host/server/src/problem.rs", "\"not_found\"");
        let expected = "docs/problems.md: describes `gone`, which the server does not know";
        assert_eq!(problems(&[decision, page, code]), [expected]);
    }

    #[test]
    fn every_setting_is_described() {
        let decision = ("docs/adr/0001-a.md", "");
        let code = (OPTIONS, "#[arg(long, env = \"GRANTRY_A\")]\n#[arg(env = \"GRANTRY_B\")]");
        let page = (OPERATING, "| `GRANTRY_A` |");
        let expected = "docs/operating.md: does not describe `GRANTRY_B`";
        assert_eq!(problems(&[decision, code, page]), [expected]);
    }

    #[test]
    fn links_lead_somewhere() {
        let page = ("docs/adr/0001-a.md", "[up](../guide.md#part) [web](https://example.com)");
        let expected = "docs/adr/0001-a.md:1: links to `../guide.md`, which does not exist";
        assert_eq!(problems(&[page]), [expected]);
        assert_eq!(problems(&[page, ("docs/guide.md", "")]), Vec::<String>::new());
    }
}
