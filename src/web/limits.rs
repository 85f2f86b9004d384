//! Rate limits per account and address, for what a stranger may try: signing in, signing up, resets, invitations, web forms.
//!
//! An account counts by its e-mail address whether or not it exists, so the limit tells nobody that it does. The counters live
//! in this process and hold hashes only; their number is bounded. Behind a proxy on the same machine the address is the last one
//! the proxy added to `X-Forwarded-For`; nobody else is believed.

use crate::error::{AppError, AppResult};
use actix_web::{HttpRequest, web};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    nanos::Nanos,
    state::StateStore,
};
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Keys each limiter remembers before those that no longer limit anything are dropped.
const MANY: usize = 20_000;

/// Attempts on one account that may be under way at once: fewer than any quota of failures, so that none is overrun by attempts whose
/// outcome is not known yet; the next ones wait for it instead of being refused.
const AT_ONCE: usize = 4;
/// Accounts share so many queues.
const QUEUES: u64 = 64;

/// What is limited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    SignIn,
    SignUp,
    PasswordReset,
    /// Opening one-time links and invitations: guessing tokens.
    Link,
    /// Asking for the current password of somebody who is signed in.
    Confirm,
    /// Sending a public web form; its account is the form.
    WebForm,
    /// The links in mails to customers; its account is the link. Many read their mail behind one address.
    MailLink,
}

impl Action {
    /// Attempts and the seconds in which they come back: per account, per address.
    fn quotas(self) -> ((u32, u64), (u32, u64)) {
        match self {
            Action::SignIn => ((10, 300), (60, 60)),
            Action::SignUp => ((5, 900), (30, 600)),
            Action::PasswordReset => ((5, 900), (30, 600)),
            Action::Link => ((60, 60), (60, 60)),
            Action::Confirm => ((10, 300), (60, 60)),
            Action::WebForm => ((240, 60), (20, 300)),
            Action::MailLink => ((30, 60), (300, 60)),
        }
    }
}

const ACTIONS: [Action; 7] = [
    Action::SignIn,
    Action::SignUp,
    Action::PasswordReset,
    Action::Link,
    Action::Confirm,
    Action::WebForm,
    Action::MailLink,
];

/// The process's counters.
pub struct Limits {
    hasher: RandomState,
    pairs: Vec<(Action, Pair)>,
    queues: Vec<Semaphore>,
}

struct Pair {
    account: Limiter,
    address: Limiter,
}

impl Default for Limits {
    fn default() -> Self {
        let pair = |action: Action| {
            let (account, address) = action.quotas();
            (action, Pair { account: Limiter::new(account), address: Limiter::new(address) })
        };
        Self {
            hasher: RandomState::new(),
            pairs: ACTIONS.into_iter().map(pair).collect(),
            queues: (0..QUEUES).map(|_| Semaphore::new(AT_ONCE)).collect(),
        }
    }
}

impl Limits {
    /// Counts an attempt; `RateLimited` when there were too many. An empty account counts for the address only.
    pub fn check(&self, req: &HttpRequest, action: Action, account: &str) -> AppResult<()> {
        let Some(pair) = self.pair(action) else { return Ok(()) };
        pair.address.check(self.hasher.hash_one(network(caller(req))))?;
        if account.is_empty() { Ok(()) } else { pair.account.check(self.key(account)) }
    }

    /// After a success: the account's failures no longer count.
    pub fn forgive(&self, action: Action, account: &str) {
        if let Some(pair) = self.pair(action) {
            pair.account.store.forget(self.key(account));
        }
    }

    /// Waits until few attempts on that account are under way. Hold it from before [`Limits::check`] until the outcome is known: many
    /// right passwords at once are then all let in, each success forgiving the attempts before it.
    pub async fn turn(&self, account: &str) -> Option<SemaphorePermit<'_>> {
        let queue = usize::try_from(self.key(account) % QUEUES).ok()?;
        self.queues.get(queue)?.acquire().await.ok()
    }

    fn pair(&self, action: Action) -> Option<&Pair> {
        self.pairs.iter().find(|(a, _)| *a == action).map(|(_, pair)| pair)
    }

    fn key(&self, account: &str) -> u64 {
        self.hasher.hash_one(account.trim().to_lowercase())
    }
}

/// The request's limits; see [`Limits::check`].
pub fn check(req: &HttpRequest, action: Action, account: &str) -> AppResult<()> {
    match req.app_data::<web::Data<Limits>>() {
        Some(limits) => limits.check(req, action, account),
        None => Err(AppError::Internal(anyhow::anyhow!("no rate limits in the application"))),
    }
}

/// See [`Limits::forgive`].
pub fn forgive(req: &HttpRequest, action: Action, account: &str) {
    if let Some(limits) = req.app_data::<web::Data<Limits>>() {
        limits.forgive(action, account);
    }
}

/// Who is calling.
pub fn caller(req: &HttpRequest) -> IpAddr {
    let peer = req.peer_addr().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |a| a.ip().to_canonical());
    if peer.is_loopback() { forwarded_for(req).unwrap_or(peer) } else { peer }
}

/// An IPv6 network (/64) counts as one address, since it is one customer's.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(ip) if !ip.is_loopback() => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        ip => ip,
    }
}

/// The address the nearest proxy saw: the last entry. What stands before it, the caller may have written.
fn forwarded_for(req: &HttpRequest) -> Option<IpAddr> {
    let last = req.headers().get_all("X-Forwarded-For").last()?.to_str().ok()?;
    let last = last.rsplit(',').next()?.trim();
    last.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

struct Limiter {
    limiter: RateLimiter<u64, Store, DefaultClock>,
    store: Store,
    window: Duration,
}

impl Limiter {
    fn new((attempts, secs): (u32, u64)) -> Self {
        let attempts = NonZeroU32::new(attempts).unwrap_or(NonZeroU32::MIN);
        let window = Duration::from_secs(secs);
        let quota = Quota::with_period(window / attempts.get())
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
            .allow_burst(attempts);
        let store = Store::new();
        Self { limiter: RateLimiter::new(quota, store.clone(), DefaultClock::default()), store, window }
    }

    fn check(&self, key: u64) -> AppResult<()> {
        self.limiter.check_key(&key).map_err(|until| {
            let wait = until.wait_time_from(self.limiter.clock().now()).min(self.window);
            AppError::RateLimited { retry_after_secs: wait.as_secs() + 1 }
        })
    }
}

/// Governor's state (a key's theoretical arrival time since the start), bounded, and able to forget a key.
#[derive(Clone)]
struct Store {
    start: Instant,
    arrivals: Arc<Mutex<HashMap<u64, u64>>>,
}

impl Store {
    fn new() -> Self {
        Self { start: Instant::now(), arrivals: Arc::default() }
    }

    fn forget(&self, key: u64) {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    /// Drops what no longer limits; under a flood from very many keys also those nearest to being free again.
    fn make_room(&self, arrivals: &mut HashMap<u64, u64>) {
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        arrivals.retain(|_, at| *at > now);
        if arrivals.len() >= MANY {
            let mean = arrivals.values().map(|at| u128::from(*at)).sum::<u128>() / arrivals.len() as u128;
            arrivals.retain(|_, at| u128::from(*at) > mean);
        }
    }
}

impl StateStore for Store {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let (decision, next) = f(arrivals.get(key).map(|at| Nanos::from(*at)))?;
        if arrivals.len() >= MANY && !arrivals.contains_key(key) {
            self.make_room(&mut arrivals);
        }
        arrivals.insert(*key, next.as_u64());
        Ok(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_stopped_forgotten_and_the_memory_stays_bounded() {
        let limiter = Limiter::new((3, 300));
        assert!((0..3).all(|_| limiter.check(1).is_ok()));
        assert!(
            matches!(limiter.check(1), Err(AppError::RateLimited { retry_after_secs }) if (1..=101).contains(&retry_after_secs))
        );
        assert!(limiter.check(2).is_ok());
        limiter.store.forget(1);
        assert!(limiter.check(1).is_ok());
        for key in 0..3 * MANY as u64 {
            let _ = limiter.check(key);
        }
        assert!(limiter.store.arrivals.lock().is_ok_and(|a| a.len() <= MANY));
    }
}
