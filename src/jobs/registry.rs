//! Which function does which kind of job.

use crate::{config::Config, db::Db, files::Files, kernel::OrgId, live::Hub, mailer::Post};
use serde_json::Value;
use std::{collections::HashMap, sync::Arc};

/// What a handler works with.
#[derive(Clone)]
pub struct JobContext {
    pub db: Db,
    pub config: Arc<Config>,
    pub hub: Hub,
    pub post: Post,
    pub files: Files,
    pub org: Option<OrgId>,
    /// 1 on the first try.
    pub attempt: i32,
}

/// How a job ended, when it did not fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JobOutcome {
    Done,
    /// It can never succeed (a mail refused for good): dead at once, without further tries.
    GiveUp,
}

/// Runs on a worker thread and may block. An `Err` is retried later.
pub type Handler = fn(&JobContext, &Value) -> anyhow::Result<JobOutcome>;

#[derive(Clone, Default)]
pub struct Registry {
    handlers: HashMap<&'static str, Handler>,
    remote: Vec<&'static str>,
}

impl Registry {
    pub fn register(&mut self, kind: &'static str, handler: Handler) {
        self.handlers.insert(kind, handler);
    }

    /// For a handler that waits for a server of somebody else's: however long those hang, other kinds of job go on.
    pub fn register_remote(&mut self, kind: &'static str, handler: Handler) {
        self.register(kind, handler);
        self.remote.push(kind);
    }

    pub fn get(&self, kind: &str) -> Option<Handler> {
        self.handlers.get(kind).copied()
    }

    pub(super) fn remote(&self) -> &[&'static str] {
        &self.remote
    }
}
