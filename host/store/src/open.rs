//! Debug builds refuse what may wait for itself: a task that holds a transaction and wants another
//! connection. Twelve such tasks hold all connections to PostgreSQL, and none gets a second one.
//!
//! Release builds keep no books. Two futures that one task polls in turn look like one; they belong in
//! tasks of their own.

#[cfg(debug_assertions)]
pub(crate) use kept::{Open, Transactions};
#[cfg(not(debug_assertions))]
pub(crate) use not_kept::{Open, Transactions};

#[cfg(debug_assertions)]
mod kept {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex, PoisonError};

    use tokio::task::{Id, try_id};

    type Counts = Arc<Mutex<HashMap<Option<Id>, usize>>>;

    /// How many transactions each task holds on one database.
    #[derive(Clone, Default)]
    pub(crate) struct Transactions(Counts);

    impl Transactions {
        /// Panics where the task holds a transaction.
        pub(crate) fn assert_none(&self) {
            let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let is_held = counts.contains_key(&try_id());
            drop(counts);
            assert!(!is_held, "asked the pool while holding a transaction: use the transaction");
        }

        /// Counts a transaction until it is dropped.
        pub(crate) fn begin(&self) -> Open {
            let task = try_id();
            let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *counts.entry(task).or_default() += 1;
            Open { counts: self.0.clone(), task }
        }
    }

    /// A transaction that is open.
    pub(crate) struct Open {
        counts: Counts,
        task: Option<Id>,
    }

    impl Drop for Open {
        fn drop(&mut self) {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(count) = counts.get_mut(&self.task) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&self.task);
                }
            }
        }
    }
}

#[cfg(not(debug_assertions))]
mod not_kept {
    /// Nothing, in a release build.
    #[derive(Clone, Default)]
    pub(crate) struct Transactions;

    /// Nothing, in a release build.
    pub(crate) struct Open;

    impl Transactions {
        pub(crate) fn assert_none(&self) {}

        pub(crate) fn begin(&self) -> Open {
            Open
        }
    }
}
