//! A blob on its way in: counted, hashed and looked at as it passes, never held in memory beyond one part.

use super::kind::{self, Kind};
use actix_web::web::Bytes;
use anyhow::Context as _;
use object_store::{ObjectStore, buffered::BufWriter, path::Path};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// What is held before anything is sent: the least that S3 takes as a part.
const PART: usize = 5 * 1024 * 1024;

pub struct Upload {
    writer: BufWriter,
    hash: Sha256,
    head: Vec<u8>,
    size: u64,
}

/// A blob that is there, whole.
#[derive(Clone, Debug)]
pub struct Written {
    pub size: u64,
    /// In hexadecimal digits.
    pub sha256: String,
    pub kind: Kind,
}

impl Upload {
    pub(super) fn new(store: Arc<dyn ObjectStore>, key: Path) -> Self {
        let writer = BufWriter::with_capacity(store, key, PART).with_max_concurrency(2);
        Self { writer, hash: Sha256::new(), head: Vec::new(), size: 0 }
    }

    pub async fn write(&mut self, bytes: Bytes) -> anyhow::Result<()> {
        self.size += bytes.len() as u64;
        self.hash.update(&bytes);
        let room = kind::LOOKED_AT.saturating_sub(self.head.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or(&bytes));
        self.writer.put(bytes).await.context("cannot write a file")
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// After this it is there, on disk.
    pub async fn finish(mut self) -> anyhow::Result<Written> {
        self.writer.shutdown().await.context("cannot finish a file")?;
        let kind = kind::sniff(&self.head);
        Ok(Written { size: self.size, sha256: hex::encode(self.hash.finalize()), kind })
    }

    /// Leaves nothing behind, as far as the store answers.
    pub async fn abort(mut self) {
        if let Err(error) = self.writer.abort().await {
            tracing::warn!(%error, "an upload that broke off left something behind; the sweep takes it");
        }
    }
}
