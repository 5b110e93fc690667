//! What a check says, and how a whole report looks to people.

use grantry_model::package::PackageReport;
use grantry_model::text::printable;
use serde::Serialize;

use crate::checks::ALL;

/// Longest evidence, in characters: it may repeat what a plugin says.
const EVIDENCE_MAX: usize = 1_000;

/// One rule that a plugin is held to.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    /// Stable: reports, scripts and the guide name it.
    pub id: &'static str,
    /// What is true of a plugin that keeps it.
    pub sentence: &'static str,
    /// What an author does about it.
    pub fix: &'static str,
}

impl Check {
    /// The group of checks that it belongs to: the first part of its id.
    pub fn group(&self) -> &'static str {
        group_of(self.id)
    }
}

fn group_of(id: &str) -> &str {
    id.split('.').next().unwrap_or(id)
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The plugin keeps the rule, as far as could be seen.
    Passed,
    /// It does not.
    Failed {
        /// What was seen.
        evidence: String,
    },
    /// It was not judged.
    Skipped {
        /// Why not.
        reason: String,
    },
}

/// Why a check did not pass: what check functions return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Not {
    /// The rule is broken; what was seen.
    Kept(String),
    /// It could not be judged; why not.
    Judged(String),
}

/// What a check function returns.
pub type Verdict = Result<(), Not>;

/// The rule is broken.
pub fn broken<T>(evidence: impl Into<String>) -> Result<T, Not> {
    Err(Not::Kept(evidence.into()))
}

/// It cannot be judged.
pub fn skipped<T>(reason: impl Into<String>) -> Result<T, Not> {
    Err(Not::Judged(reason.into()))
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check's id.
    pub check: &'static str,
    /// The rule.
    pub sentence: &'static str,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What to do, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<&'static str>,
}

/// All findings about one component.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The plugin's name.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the component.
    pub digest: String,
    /// How many checks passed.
    pub passed: usize,
    /// How many failed.
    pub failed: usize,
    /// How many were not judged.
    pub skipped: usize,
    /// Each check once.
    pub findings: Vec<Finding>,
}

impl Report {
    /// A report without findings.
    pub fn of(package: &PackageReport) -> Self {
        Self {
            plugin: package.manifest.name.clone(),
            version: package.manifest.version.clone(),
            digest: package.digest.as_str().to_owned(),
            ..Self::on("")
        }
    }

    /// The same for a file of which nothing is known.
    pub fn on(file: &str) -> Self {
        Self {
            plugin: file.to_owned(),
            version: String::new(),
            digest: String::new(),
            passed: 0,
            failed: 0,
            skipped: 0,
            findings: Vec::new(),
        }
    }

    /// Takes down how a check ended. The first word on it counts.
    pub fn note(&mut self, check: &Check, verdict: Verdict) {
        if self.findings.iter().any(|finding| finding.check == check.id) {
            return;
        }
        let outcome = match verdict {
            Ok(()) => Outcome::Passed,
            Err(Not::Kept(seen)) => Outcome::Failed { evidence: printable(&seen, EVIDENCE_MAX) },
            Err(Not::Judged(why)) => Outcome::Skipped { reason: printable(&why, EVIDENCE_MAX) },
        };
        let count = match &outcome {
            Outcome::Passed => &mut self.passed,
            Outcome::Failed { .. } => &mut self.failed,
            Outcome::Skipped { .. } => &mut self.skipped,
        };
        *count += 1;
        let fix = matches!(outcome, Outcome::Failed { .. }).then_some(check.fix);
        self.findings.push(Finding { check: check.id, sentence: check.sentence, outcome, fix });
    }

    /// Drops what is not of this group. Where the suite stopped, failures of the groups before it stay:
    /// they are why.
    pub(crate) fn keep(&mut self, group: &str, has_stopped: bool) {
        let place = |group: &str| ALL.iter().position(|checks| checks[0].group() == group);
        self.findings.retain(|finding| {
            let of = group_of(finding.check);
            let has_failed = matches!(finding.outcome, Outcome::Failed { .. });
            of == group || (has_stopped && has_failed && place(of) < place(group))
        });
        let count =
            |is: fn(&Outcome) -> bool| self.findings.iter().filter(|f| is(&f.outcome)).count();
        let passed = count(|outcome| matches!(outcome, Outcome::Passed));
        let failed = count(|outcome| matches!(outcome, Outcome::Failed { .. }));
        let skipped = count(|outcome| matches!(outcome, Outcome::Skipped { .. }));
        (self.passed, self.failed, self.skipped) = (passed, failed, skipped);
    }

    /// Into the order in which the checks are listed.
    pub(crate) fn sort(&mut self) {
        let place = |id: &str| ALL.iter().copied().flatten().position(|check| check.id == id);
        self.findings.sort_by_key(|finding| place(finding.check));
    }

    /// Whether nothing failed.
    pub fn is_good(&self) -> bool {
        self.failed == 0
    }

    /// The report for people.
    pub fn words(&self) -> String {
        let mut lines = vec![format!("{} {}", self.plugin, self.version).trim_end().to_owned()];
        for finding in &self.findings {
            let (mark, detail) = match &finding.outcome {
                Outcome::Passed => ("ok    ", None),
                Outcome::Failed { evidence } => ("FAILED", Some(("seen", evidence))),
                Outcome::Skipped { reason } => ("-     ", Some(("not judged", reason))),
            };
            lines.push(format!("{mark}  {}: {}", finding.check, finding.sentence));
            lines.extend(detail.map(|(what, text)| format!("          {what}: {text}")));
            lines.extend(finding.fix.map(|fix| format!("          fix: {fix}")));
        }
        let Self { passed, failed, skipped, .. } = self;
        lines.push(format!("{passed} passed, {failed} failed, {skipped} not judged"));
        lines.join("\n")
    }
}
