//! What calls did beside answering: log lines, refusals, crashes, peaks, and secrets that came out.

use grantry_model::fault::Fault;
use grantry_model::runner::{CallReport, CallResult, Denial, LogLine};
use grantry_runtime::http::Scrubber;
use serde::Serialize;

/// What stands where the host took a secret out: a plugin that hands it on was about to leak.
const TAKEN_OUT: &str = "[secret]";
/// Most log lines, refusals and leaks that are kept.
const KEPT_MAX: usize = 10_000;

/// A refusal, with the call in which it happened.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The exported function that ran.
    pub call: &'static str,
    /// What the host refused.
    pub denial: Denial,
}

/// The calls of a session so far.
pub struct Journal {
    scrubber: Scrubber,
    call: &'static str,
    /// What the plugin logged.
    pub log: Vec<LogLine>,
    /// What the host refused it.
    pub refused: Vec<Refused>,
    /// Calls that the host had to end: traps, time, quotas, results that cannot be read.
    pub crashes: Vec<String>,
    /// Where a secret came out, in words without it.
    pub leaks: Vec<String>,
    /// Texts that came out and that somebody watches for, each with where.
    pub canaries: Vec<(String, String)>,
    watched: Vec<String>,
    /// Peak of linear memory of any call, in bytes.
    pub memory_bytes: u64,
}

impl Journal {
    pub(super) fn watching<'a>(secrets: impl Iterator<Item = &'a str>) -> Self {
        Self {
            scrubber: Scrubber::new(secrets),
            call: "",
            log: Vec::new(),
            refused: Vec::new(),
            crashes: Vec::new(),
            leaks: Vec::new(),
            canaries: Vec::new(),
            watched: Vec::new(),
            memory_bytes: 0,
        }
    }

    /// Looks for these texts too.
    pub fn watch_for(&mut self, texts: &[String]) {
        self.watched.extend_from_slice(texts);
    }

    /// Where one of these texts came out.
    pub fn canary(&self, texts: &[String]) -> Option<&str> {
        let found = self.canaries.iter().find(|(text, _)| texts.contains(text));
        found.map(|(_, place)| place.as_str())
    }

    pub(super) fn begin(&mut self, call: &'static str) {
        self.call = call;
    }

    pub(super) fn refuse(&mut self, denial: Denial) {
        if self.refused.len() < KEPT_MAX {
            self.refused.push(Refused { call: self.call, denial });
        }
    }

    /// Takes note of the end of the call that began last.
    pub(super) fn take<T: Serialize>(&mut self, called: &CallResult<T>) {
        match called {
            Ok(called) => {
                self.look_for_secrets("its answer", text_of(&called.value));
                self.take_report(&called.report);
            }
            Err(failure) => {
                self.look_for_secrets("its error", failure.fault.to_string());
                self.take_fault(&failure.fault);
                self.take_report(&failure.report);
            }
        }
    }

    fn take_fault(&mut self, fault: &Fault) {
        if fault.is_misbehaviour() && self.crashes.len() < KEPT_MAX {
            self.crashes.push(format!("`{}`: {fault} (`{}`)", self.call, fault.code()));
        }
    }

    fn take_report(&mut self, report: &CallReport) {
        self.memory_bytes = self.memory_bytes.max(report.usage.memory_bytes);
        self.look_for_secrets("its log", text_of(&report.log));
        for write in &report.kv_writes {
            let value = write.value.as_deref().unwrap_or_default();
            let text = format!("{} {}", write.key, String::from_utf8_lossy(value));
            self.look_for_secrets("its key-value store", text);
        }
        let room = KEPT_MAX.saturating_sub(self.log.len());
        self.log.extend(report.log.iter().take(room).cloned());
    }

    fn look_for_secrets(&mut self, place: &str, mut text: String) {
        let call = self.call;
        for watched in self.watched.iter().filter(|watched| text.contains(*watched)) {
            if self.canaries.len() < KEPT_MAX {
                let place = format!("it is in {place} (`{call}`)");
                self.canaries.push((watched.clone(), place));
            }
        }
        let is_leak = text.contains(TAKEN_OUT) || self.scrubber.text(&mut text);
        if is_leak && self.leaks.len() < KEPT_MAX {
            self.leaks.push(format!("a secret of the connection is in {place} (`{call}`)"));
        }
    }
}

/// Plain data becomes JSON; what could not would hold no secret either.
fn text_of(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
