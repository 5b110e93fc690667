//! Faults, and the rules that say which request they strike: the same ones in every run.

use std::time::Duration;

use super::exchange::Exchange;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The client gets this status; the target never sees the request.
    RefuseBefore(u16),
    /// The connection closes; the target never sees the request.
    DropBefore,
    /// The target acts; the client gets this status instead of the target's.
    RefuseAfter(u16),
    /// The target acts; the connection closes without an answer.
    DropAfter,
    /// The request waits this long before it goes on.
    Delay(Duration),
}

/// Which requests a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// All of them.
    Any,
    /// Those that may change something.
    StateChanging,
    /// Those that only read.
    Reading,
    /// Those of this method whose path contains the text.
    Matching {
        /// Upper case.
        method: String,
        /// Part of the path.
        path_contains: String,
    },
}

/// How often a rule strikes among the requests that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Every time.
    Always,
    /// Once, at this one, counted from 1.
    Nth(u32),
    /// The first so many.
    First(u32),
    /// So many of a thousand, chosen by the seed.
    PerMille {
        /// 0 to 1,000.
        rate: u32,
        /// Another seed chooses others.
        seed: u64,
    },
}

/// The rules in force, in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    fault: Fault,
    selector: Selector,
    when: When,
    seen: u32,
}

impl Rules {
    pub(super) fn add(&mut self, fault: Fault, selector: Selector, when: When) {
        self.0.push(Rule { fault, selector, when, seen: 0 });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Counts the request in every rule about it; the fault of the first that strikes.
    pub(super) fn fault_for(&mut self, exchange: &Exchange) -> Option<Fault> {
        let mut fault = None;
        for rule in self.0.iter_mut().filter(|rule| is_about(&rule.selector, exchange)) {
            rule.seen += 1;
            if fault.is_none() && strikes(rule.when, rule.seen) {
                fault = Some(rule.fault.clone());
            }
        }
        fault
    }
}

fn is_about(selector: &Selector, exchange: &Exchange) -> bool {
    match selector {
        Selector::Any => true,
        Selector::StateChanging => exchange.is_state_changing(),
        Selector::Reading => !exchange.is_state_changing(),
        Selector::Matching { method, path_contains } => {
            exchange.method == *method && exchange.path.contains(path_contains)
        }
    }
}

fn strikes(when: When, number: u32) -> bool {
    match when {
        When::Always => true,
        When::Nth(nth) => number == nth,
        When::First(first) => number <= first,
        When::PerMille { rate, seed } => mixed(seed, number) % 1_000 < u64::from(rate),
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): a well-spread number for each seed and position.
fn mixed(seed: u64, number: u32) -> u64 {
    let step = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(u64::from(number) + 1);
    let first = seed.wrapping_add(step);
    let second = (first ^ (first >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let third = (second ^ (second >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    third ^ (third >> 31)
}
