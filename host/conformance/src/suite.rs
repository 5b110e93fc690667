//! The conformance suite: everything that can be judged of a connector from outside.
//!
//! [`run`] goes from what is asked once (the connection) to what changes the target, which happens
//! only with `allows_writes`. One file a group; a check that could not be judged says why.

mod calls;
mod connection;
mod faults;
mod grants;
mod lost;
mod objects;
mod rows;
mod scopes;
mod target;

use grantry_model::approval::{AddressException, Approval};
use grantry_model::fault::FieldIssue;
use serde_json::Value;

use crate::approval::{NotAsked, Said, approval};
use crate::checks;
use crate::config::Config;
use crate::manifest;
use crate::report::{Report, Verdict, skipped};
use crate::sandbox::{Sandbox, Session};

/// What is tested.
pub struct Subject<'a> {
    /// The component.
    pub sandbox: &'a Sandbox,
    /// What its author says.
    pub config: &'a Config,
    /// The connection with its secrets.
    pub connection: &'a Value,
    /// What the person approved.
    pub said: &'a Said,
    /// Whether the target may be changed.
    pub allows_writes: bool,
    /// For names that no test before has used: letters and digits.
    pub unique: &'a str,
    /// Only the checks of this group.
    pub only: Option<&'a str>,
}

impl Subject<'_> {
    fn approval(
        &self,
        connection: &Value,
        more: &[AddressException],
    ) -> Result<Approval, NotAsked> {
        let mut said = self.said.clone();
        said.addresses.extend_from_slice(more);
        approval(&self.sandbox.report.manifest, connection, &said)
    }

    /// A session with a connection; `more` are addresses that are reached too.
    fn session(
        &self,
        connection: &Value,
        more: &[AddressException],
    ) -> Result<Session, Vec<FieldIssue>> {
        let approval = self.approval(connection, more);
        let approval = approval.expect("`run` has looked at what the person said");
        self.sandbox.session(connection, &approval)
    }

    fn is_wanted(&self, group: &str) -> bool {
        self.only.is_none_or(|only| only == group)
    }
}

/// Runs every check, or those of one group. What fails before the group is reached is told too.
///
/// # Errors
/// [`NotAsked`]: the person approved a host that the plugin does not ask for.
pub async fn run(subject: &Subject<'_>) -> Result<Report, NotAsked> {
    subject.approval(subject.connection, &[])?;
    let mut report = match subject.is_wanted("manifest") {
        true => manifest::check(subject.sandbox).await,
        false => Report::of(&subject.sandbox.report),
    };
    let stopped = judge(subject, &mut report).await.err();
    let reason = match &stopped {
        Some(reason) => reason.as_str(),
        None => "nothing in this plugin or its target is of that kind",
    };
    let groups = checks::ALL.iter().copied().flatten();
    for check in groups.filter(|check| subject.is_wanted(check.group())) {
        report.note(check, skipped(reason));
    }
    if let Some(only) = subject.only {
        report.keep(only, stopped.is_some());
    }
    report.sort();
    Ok(report)
}

/// Everything that needs a connection. An error is why it could not go on.
async fn judge(subject: &Subject<'_>, report: &mut Report) -> Result<(), String> {
    let unusable = "the connection does not pass the plugin's schema: see `connection.works`";
    let mut session = match subject.session(subject.connection, &[]) {
        Ok(session) => session,
        Err(issues) => {
            report.note(&checks::WORKS, crate::report::broken(manifest::words(&issues)));
            return Err(unusable.to_owned());
        }
    };
    session.journal().watch_for(&subject.config.canaries);
    let kinds = connection::check(subject, &session, report).await?;
    let Some(reading) = rows::check(subject, &session, &kinds, report).await else {
        calls::check(subject, &session, report);
        return Err("not every listing could be read: see the group `reading`".to_owned());
    };
    if subject.is_wanted("reading") {
        scopes::check(&mut session, &reading, report).await;
    }
    if subject.is_wanted("faults") {
        faults::check(subject, &reading, report).await;
    }
    if subject.is_wanted("writing") || subject.is_wanted("calls") {
        match writes_are_possible(subject) {
            Ok(()) => {
                grants::check(subject, &mut session, &reading, report).await;
                objects::check(subject, &session, &kinds, report).await;
            }
            Err(not) => {
                for check in checks::WRITING {
                    report.note(check, Err(not.clone()));
                }
            }
        }
    }
    calls::check(subject, &session, report);
    Ok(())
}

fn writes_are_possible(subject: &Subject<'_>) -> Verdict {
    use grantry_model::package::Interface;
    if !subject.sandbox.report.interfaces.contains(&Interface::Provision) {
        return skipped("the plugin does not export `provision`");
    }
    if subject.sandbox.report.manifest.kinds.iter().all(|kind| kind.verbs.is_empty()) {
        return skipped("no kind of the manifest has a verb");
    }
    match subject.allows_writes {
        true => Ok(()),
        false => skipped("the target is changed only with `--allow-writes`"),
    }
}
