//! One listener thread per process, one broadcast channel per organisation with open tabs.

use super::{CHANNEL, Envelope, LiveMessage};
use crate::{db::Db, kernel::OrgId};
use diesel::{connection::SimpleConnection, prelude::*};
use std::{
    collections::HashMap,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};
use tokio::sync::broadcast;

/// How often the listener looks for notifications: well inside the 300 ms budget, and 25 reads of a quiet socket a second.
const POLL: Duration = Duration::from_millis(40);
/// Keeps proxies from closing a quiet stream, and is when the session is looked at again.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Messages a slow tab may lag behind before it is told to refresh instead.
const BACKLOG: usize = 256;

/// Passes messages to the tabs of this process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Hub(Arc<Inner>);

#[derive(Default)]
struct Inner {
    channels: Mutex<HashMap<OrgId, broadcast::Sender<LiveMessage>>>,
    /// Counts the wake-ups, so that none is lost between a look at the queue and the wait.
    job_calls: Mutex<u64>,
    job_bell: Condvar,
    stopping: AtomicBool,
    heartbeat: Mutex<Option<Duration>>,
}

impl Hub {
    /// Starts listening on a connection of its own; reconnects for as long as the process lives.
    pub fn listen(&self, db: Db) -> std::io::Result<thread::JoinHandle<()>> {
        let hub = self.clone();
        thread::Builder::new().name("live-listener".into()).spawn(move || {
            let mut pause = Duration::from_millis(200);
            while !hub.is_stopping() {
                if let Err(error) = hub.listen_once(&db, &mut pause) {
                    tracing::warn!(%error, "live listener lost its connection; reconnecting");
                }
                if !hub.is_stopping() {
                    thread::sleep(pause);
                }
                pause = (pause * 2).min(Duration::from_secs(5));
            }
        })
    }

    fn listen_once(&self, db: &Db, pause: &mut Duration) -> anyhow::Result<()> {
        let mut conn = db.dedicated()?;
        conn.batch_execute(&format!("LISTEN {CHANNEL}; LISTEN {}", crate::jobs::CHANNEL))?;
        *pause = Duration::from_millis(200);
        // Whatever was missed while nobody listened: tabs fetch anew, workers look at the queue.
        self.broadcast_refresh();
        self.wake_workers();
        let mut quiet = 0u32;
        while !self.is_stopping() {
            let mut any = false;
            for notification in conn.notifications_iter() {
                let notification = notification?;
                any = true;
                if notification.channel == CHANNEL {
                    self.deliver(&notification.payload);
                } else {
                    self.wake_workers();
                }
            }
            quiet = if any { 0 } else { quiet + 1 };
            // A connection that died silently is noticed by asking now and then.
            if quiet > 500 {
                diesel::sql_query("SELECT 1").execute(&mut conn)?;
                quiet = 0;
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    fn deliver(&self, payload: &str) {
        match serde_json::from_str::<Envelope>(payload) {
            Ok(envelope) => self.send(envelope.org, envelope.message),
            Err(error) => tracing::warn!(%error, "unreadable live message"),
        }
    }

    fn send(&self, org: OrgId, message: LiveMessage) {
        let mut channels = self.0.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(&org)
            && channel.send(message).is_err()
        {
            // The last tab of that organisation has gone.
            channels.remove(&org);
        }
    }

    fn broadcast_refresh(&self) {
        let channels = self.0.channels.lock().unwrap_or_else(PoisonError::into_inner);
        for channel in channels.values() {
            let _ = channel.send(LiveMessage::refresh());
        }
    }

    /// The messages of one organisation from now on; none, and the end at once, when the process is stopping.
    pub fn subscribe(&self, org: OrgId) -> broadcast::Receiver<LiveMessage> {
        let mut channels = self.0.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_stopping() {
            return broadcast::channel(1).1;
        }
        channels.entry(org).or_insert_with(|| broadcast::channel(BACKLOG).0).subscribe()
    }

    /// How often a stream shows that it lives and looks whether its session still does.
    pub fn heartbeat(&self) -> Duration {
        self.0.heartbeat.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or(HEARTBEAT)
    }

    /// For tests, which do not like to wait.
    pub fn set_heartbeat(&self, every: Duration) {
        *self.0.heartbeat.lock().unwrap_or_else(PoisonError::into_inner) = Some(every);
    }

    /// The count to pass to [`Hub::wait_for_job`]; read it before looking at the queue.
    pub fn job_calls(&self) -> u64 {
        *self.0.job_calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when a job was enqueued anywhere since `seen`, or after `longest`.
    pub fn wait_for_job(&self, seen: u64, longest: Duration) {
        let calls = self.0.job_calls.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.0.job_bell.wait_timeout_while(calls, longest, |calls| *calls == seen);
    }

    pub fn wake_workers(&self) {
        *self.0.job_calls.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.job_bell.notify_all();
    }

    /// Ends the listener and every open stream.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        self.0.channels.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.wake_workers();
    }

    pub fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::SeqCst)
    }
}
