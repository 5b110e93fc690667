//! Idle connections of one integration under one policy, for the next request to the same origin.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use grantry_egress::{Connection, Target};
use tokio::time::Instant;

const IDLE_MAX: Duration = Duration::from_secs(30);
const IDLE_PER_ORIGIN_MAX: usize = 4;
const ORIGINS_MAX: usize = 32;

type Origin = (bool, String, u16);

/// The connections.
#[derive(Default)]
pub(crate) struct Pool {
    idle: Mutex<HashMap<Origin, Vec<(Connection, Instant)>>>,
}

fn origin(target: &Target) -> Origin {
    (target.is_plain, target.host.clone(), target.port)
}

impl Pool {
    /// A connection that was open a moment ago.
    pub(crate) fn take(&self, target: &Target) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = idle.get_mut(&origin(target))?;
        connections
            .retain(|(connection, since)| !connection.is_closed() && since.elapsed() < IDLE_MAX);
        connections.pop().map(|(connection, _)| connection)
    }

    /// Keeps a connection on which an exchange ended well.
    pub(crate) fn keep(&self, target: &Target, connection: Connection) {
        if connection.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let key = origin(target);
        if idle.len() >= ORIGINS_MAX && !idle.contains_key(&key) {
            idle.clear();
        }
        let connections = idle.entry(key).or_default();
        if connections.len() < IDLE_PER_ORIGIN_MAX {
            connections.push((connection, Instant::now()));
        }
    }
}
