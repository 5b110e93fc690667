//! The database's time, which all nodes share, and the alarm when it jumps (security.md row 61).
//!
//! A node asks the database from time to time and goes on by its own monotonic clock in between, so
//! that two nodes with different clocks agree on when a lease or a membership ends.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use grantry_model::clock::{Clock, UnixMs};

use crate::db::{Db, Tx, args};
use crate::{Result, dialect, statements};

/// An answer of the database that took longer says too little about its time, in milliseconds.
const ANSWER_MS_MAX: u128 = 1_000;
/// Jumps that nodes notice within so many milliseconds of each other are one.
const SAME_JUMP_MS: i64 = 60_000;

statements! {
    RAISE = "INSERT INTO clock_jumps (id, raised_ms, jump_ms, held_ms) VALUES (1, $1, $2, NULL) ON CONFLICT (id) DO UPDATE SET raised_ms = excluded.raised_ms, jump_ms = excluded.jump_ms, held_ms = NULL WHERE clock_jumps.raised_ms < $1 - $3 OR clock_jumps.raised_ms > $1 + $3";
    LAST = "SELECT raised_ms, jump_ms FROM clock_jumps WHERE id = 1";
    NOTE_HELD = "UPDATE clock_jumps SET held_ms = $1 WHERE id = 1 AND held_ms IS NULL";
}

/// A clock that follows the database's. Between two measurements it never jumps.
pub struct DatabaseClock {
    machine: Arc<dyn Clock>,
    anchor: Mutex<Anchor>,
}

#[derive(Clone, Copy)]
struct Anchor {
    at: Instant,
    now: UnixMs,
    /// What the machine's clock said then.
    machine: UnixMs,
}

impl DatabaseClock {
    /// Begins with the machine's time.
    pub fn new(machine: Arc<dyn Clock>) -> Self {
        let now = machine.now();
        Self { machine, anchor: Mutex::new(Anchor { at: Instant::now(), now, machine: now }) }
    }

    fn anchor(&self) -> Anchor {
        *self.anchor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> UnixMs {
        let anchor = self.anchor();
        let elapsed = anchor.at.elapsed().as_millis();
        anchor.now.plus_ms(i64::try_from(elapsed).unwrap_or(i64::MAX))
    }

    /// A machine that was suspended did not count the time: its own clock knows.
    fn latest(&self) -> UnixMs {
        let anchor = self.anchor();
        let elapsed = self.machine.now().0.saturating_sub(anchor.machine.0);
        self.now().max(anchor.now.plus_ms(elapsed))
    }

    fn drift_ms(&self, measured: UnixMs) -> i64 {
        measured.0.saturating_sub(self.now().0)
    }

    fn follow(&self, measured: UnixMs) {
        let anchor = Anchor { at: Instant::now(), now: measured, machine: self.machine.now() };
        *self.anchor.lock().unwrap_or_else(PoisonError::into_inner) = anchor;
    }
}

/// A jump of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockJump {
    /// When it was noticed, by the new time.
    pub raised: UnixMs,
    /// How far it went, in milliseconds; negative for back.
    pub jump_ms: i64,
}

impl Db {
    /// What the database's clock says now; nothing if it took too long to say so.
    pub async fn measure_time(&self) -> Result<Option<UnixMs>> {
        let began = Instant::now();
        let row = self.fetch_one(dialect::time(self.is_postgres()), &[]).await?;
        let took = began.elapsed().as_millis();
        let now = row.map(|row| row.time(0)).transpose()?;
        let half = i64::try_from(took / 2).unwrap_or(0);
        Ok(now.filter(|_| took <= ANSWER_MS_MAX).map(|now| now.plus_ms(half)))
    }

    /// The last jump that any node noticed.
    pub async fn last_clock_jump(&self) -> Result<Option<ClockJump>> {
        let row = self.fetch_one(LAST, &[]).await?;
        row.map(|row| Ok(ClockJump { raised: row.time(0)?, jump_ms: row.int(1)? })).transpose()
    }
}

impl Tx {
    /// Notes a jump of the clock. False if another node has noted it.
    pub async fn raise_clock_jump(&mut self, jump: ClockJump) -> Result<bool> {
        let args = args![jump.raised, jump.jump_ms, SAME_JUMP_MS];
        Ok(self.execute(RAISE, args).await? == 1)
    }

    /// Notes that memberships are held back for the last jump. False if that is known.
    pub async fn note_expiries_held(&mut self) -> Result<bool> {
        let now = self.now();
        Ok(self.execute(NOTE_HELD, args![now]).await? == 1)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    struct Machine(AtomicI64);
    impl Clock for Machine {
        fn now(&self) -> UnixMs {
            UnixMs(self.0.load(Ordering::SeqCst))
        }
    }

    #[test]
    fn a_jump_of_the_machines_clock_is_followed_only_when_the_database_says_so() {
        let machine = Arc::new(Machine(AtomicI64::new(1_000_000)));
        let clock = DatabaseClock::new(machine.clone());
        clock.follow(UnixMs(5_000_000));
        machine.0.fetch_add(3_600_000, Ordering::SeqCst);
        assert!(clock.now().0 < 5_100_000);
        assert!(clock.latest().0 >= 8_600_000, "a lease may be over");
        assert!(clock.drift_ms(UnixMs(8_600_000)) > 3_500_000);
        clock.follow(UnixMs(8_600_000));
        assert!(clock.now().0 >= 8_600_000 && clock.latest().0 < 8_700_000);
    }
}
