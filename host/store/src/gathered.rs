//! Reads of one thing that many ask for at once.
//!
//! Who asks while a read is under way is not answered by it, because something may have changed since
//! it began; all of those are answered together by the next one. So an answer is as fresh as a read of
//! one's own, and the database sees one read at a time of each thing, however many ask.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Mutex as Turns;

/// Most things that are known at once; those that nobody waits for are forgotten beyond it.
const THINGS_MAX: usize = 10_000;

/// What was read last of one thing, and when the read began.
type Last<V> = Arc<Turns<(u64, Option<V>)>>;

/// The reads of things named by `K`.
#[derive(Debug)]
pub(crate) struct Gathered<K, V> {
    /// Grows with each who asks and with each read, so that it tells which of two was first.
    moment: AtomicU64,
    things: Mutex<HashMap<K, Last<V>>>,
}

impl<K, V> Default for Gathered<K, V> {
    fn default() -> Self {
        Self { moment: AtomicU64::new(0), things: Mutex::default() }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Gathered<K, V> {
    /// What a read that began after this call says: `read`, or that of somebody who waited too. A read
    /// that fails answers nobody but who began it.
    pub(crate) async fn read<E>(
        &self,
        thing: &K,
        read: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E> {
        let asked = self.now();
        let last = self.last(thing);
        let mut last = last.lock().await;
        if let (began, Some(value)) = &*last
            && *began > asked
        {
            return Ok(value.clone());
        }
        let began = self.now();
        let value = read.await?;
        *last = (began, Some(value.clone()));
        Ok(value)
    }

    fn now(&self) -> u64 {
        self.moment.fetch_add(1, Ordering::SeqCst)
    }

    fn last(&self, thing: &K) -> Last<V> {
        let mut things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = things.get(thing) {
            return last.clone();
        }
        if things.len() >= THINGS_MAX {
            things.retain(|_, last| Arc::strong_count(last) > 1);
        }
        things.entry(thing.clone()).or_insert_with(|| Arc::new(Turns::new((0, None)))).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn those_who_wait_are_answered_by_one_read_that_began_after_they_asked() {
        let gathered = Gathered::default();
        let (begun, has_begun) = oneshot::channel();
        let (end, ends) = oneshot::channel::<()>();
        let reads = AtomicU64::new(0);
        let next = async || Ok::<_, Infallible>(reads.fetch_add(1, Ordering::SeqCst));
        let first = gathered.read(&"thing", async {
            let number = next().await;
            begun.send(()).expect("somebody waits");
            ends.await.expect("it is told to end");
            number
        });
        let later = async {
            has_begun.await.expect("it begins");
            let three = async {
                tokio::join!(
                    gathered.read(&"thing", next()),
                    gathered.read(&"thing", next()),
                    gathered.read(&"other", next()),
                )
            };
            let ended = async { end.send(()).expect("it waits for this") };
            let (three, ()) = tokio::join!(three, ended);
            three
        };
        let (first, (second, third, other)) = tokio::join!(first, later);
        assert_eq!((first, other), (Ok(0), Ok(1)));
        assert_eq!((second, third), (Ok(2), Ok(2)), "the first read began before they asked");
        assert_eq!(gathered.read(&"thing", next()).await, Ok(3), "nothing is kept for later");
    }

    #[tokio::test]
    async fn a_read_that_fails_or_is_given_up_answers_nobody() {
        let gathered = Gathered::<_, u8>::default();
        assert_eq!(gathered.read(&1, async { Err("down") }).await, Err("down"));
        let given_up = gathered.read(&1, std::future::pending::<Result<_, &str>>());
        tokio::select! { biased; _ = given_up => {}, () = std::future::ready(()) => {} }
        assert_eq!(gathered.read(&1, async { Ok::<_, &str>(7) }).await, Ok(7));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_forgotten() {
        let gathered = Gathered::default();
        for thing in 0..=THINGS_MAX {
            gathered.read(&thing, async { Ok::<_, Infallible>(()) }).await.expect("it is read");
        }
        assert_eq!(gathered.things.lock().expect("nobody panicked").len(), 1);
    }
}
