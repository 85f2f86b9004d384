//! Pages take turns with the database, first come, first served.
//!
//! More statements at once than processors do not end sooner: they only share unfairly, and the unlucky page waits several times as
//! long as the others. So only a few transactions of pages run at a time and the rest stand in a queue. Whoever takes longer than a
//! page may gives the turn up and goes on without: slow filters and waits for locks never hold up pages, and what is left of the pool
//! bounds them. Workers, imports and the command line (`org_now`, `system_now`) stand in no queue.

use std::{future::Future, pin::pin, time::Duration};
use tokio::{sync::Semaphore, time::timeout};

/// Much longer than a page's transaction takes.
const LONGEST: Duration = Duration::from_millis(150);

pub(super) struct Turns(Semaphore);

impl Turns {
    /// Two for each processor, four at least, and always some connections fewer than the pool has.
    pub fn for_pool(size: u32) -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        let spared = size - size.div_ceil(4);
        Self::new((2 * processors).max(4).min(spared.max(1) as usize))
    }

    fn new(at_once: usize) -> Self {
        Self(Semaphore::new(at_once))
    }

    /// Runs `work` when it is its turn. `work` begins no sooner, and is dropped unbegun by a client that goes away.
    pub async fn take<T>(&self, work: impl Future<Output = T>) -> T {
        // Never closed, so an error cannot be; without a turn the work would still be right.
        let turn = self.0.acquire().await.ok();
        let mut work = pin!(work);
        match timeout(LONGEST, work.as_mut()).await {
            Ok(done) => done,
            Err(_) => {
                drop(turn);
                work.await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::RefCell, rc::Rc};
    use tokio::{sync::oneshot, time::Instant};

    #[actix_web::test]
    async fn first_come_first_served() {
        let (turns, order) = (Turns::new(1), RefCell::new(Vec::new()));
        let (open, gate) = oneshot::channel::<()>();
        let first = turns.take(async {
            gate.await.ok();
            order.borrow_mut().push(0);
        });
        let rest = (1..20).map(|n| {
            let (turns, order) = (&turns, &order);
            async move { turns.take(async { order.borrow_mut().push(n) }).await }
        });
        let rest = futures_util::future::join_all(rest);
        let opened = async move { open.send(()).ok() };
        tokio::join!(first, rest, opened);
        assert_eq!(order.into_inner(), (0..20).collect::<Vec<_>>());
    }

    #[actix_web::test]
    async fn whoever_is_slow_holds_nobody_up() {
        let turns = Rc::new(Turns::new(2));
        let endless = || {
            let turns = turns.clone();
            actix_web::rt::spawn(async move { turns.take(std::future::pending::<()>()).await })
        };
        let slow = [endless(), endless(), endless(), endless()];
        actix_web::rt::task::yield_now().await;
        let started = Instant::now();
        turns.take(async {}).await;
        assert!(started.elapsed() < 20 * LONGEST);
        slow.iter().for_each(|task| task.abort());
    }

    #[test]
    fn the_pool_is_larger_than_the_queue_lets_in() {
        for size in 2..200 {
            let at_once = Turns::for_pool(size).0.available_permits();
            assert!(at_once >= 1 && at_once < size as usize);
        }
    }
}
