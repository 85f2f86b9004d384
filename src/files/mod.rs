//! Blobs: bytes under a key, in a folder under DATA_DIR or in an S3-compatible bucket.
//!
//! Invariants: a key is an organisation's id and a blob's; a blob is written once, is whole or not there at all, and never changes; who
//! may read it is no business of this module (see `features::files`).

pub mod clamd;
mod kind;
mod upload;

pub use kind::{Kind, sniff};
pub use upload::{Upload, Written};

use crate::{
    config::{Bucket, Config},
    kernel::{BlobId, OrgId},
};
use actix_web::web::Bytes;
use anyhow::Context as _;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    ObjectStore, ObjectStoreExt, aws::AmazonS3Builder, client::SpawnedReqwestConnector, local::LocalFileSystem,
    path::Path,
};
use std::{fs, io, path::PathBuf, sync::Arc};
use tokio::runtime::{Builder, Handle, Runtime};

/// The store; cheap to clone.
#[derive(Clone)]
pub struct Files(Arc<Inner>);

struct Inner {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// When it is a folder of ours.
    folder: Option<PathBuf>,
    background: Background,
}

/// Where connections to a bucket live, and where worker threads wait for them.
struct Background(Option<Runtime>);

impl Background {
    fn start() -> io::Result<Self> {
        Builder::new_multi_thread().worker_threads(1).thread_name("files").enable_all().build().map(Some).map(Self)
    }

    fn handle(&self) -> anyhow::Result<&Handle> {
        self.0.as_ref().map(Runtime::handle).context("the file store is closed")
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Waiting for it is forbidden where the last owner may be: in asynchronous code.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A blob's bytes, one after the other.
pub type Pieces = BoxStream<'static, io::Result<Bytes>>;

/// Whether that is why a blob could not be read: it is not there.
pub fn is_missing(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(object_store::Error::NotFound { .. }))
}

/// What lies beside a blob.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    Whole,
    /// A small picture of it.
    Thumbnail,
}

impl Files {
    /// Makes the folder, or prepares for the bucket without asking it anything.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let background = Background::start().context("cannot start the thread for files")?;
        let inner = match &config.files {
            Some(bucket) => {
                let store = s3(bucket, background.handle()?)?;
                let prefix = Path::parse(&bucket.prefix).context("FILES_URL's prefix")?;
                Inner { store: Arc::new(store), prefix, folder: None, background }
            }
            None => {
                let folder = config.data_dir.join("files");
                fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
                let store = LocalFileSystem::new_with_prefix(&folder).context("cannot use the folder of files")?;
                let store = Arc::new(store.with_fsync(true));
                Inner { store, prefix: Path::default(), folder: Some(folder), background }
            }
        };
        Ok(Self(Arc::new(inner)))
    }

    fn key(&self, org: OrgId, blob: BlobId, part: Part) -> Path {
        let name = match part {
            Part::Whole => blob.to_string(),
            Part::Thumbnail => format!("{blob}.small"),
        };
        self.0.prefix.clone().join(org.to_string()).join(name)
    }

    /// Begins to write a blob. Nothing is there before [`Upload::finish`].
    pub fn upload(&self, org: OrgId, blob: BlobId) -> Upload {
        Upload::new(self.0.store.clone(), self.key(org, blob, Part::Whole))
    }

    /// The bytes, a piece at a time, and how many there are.
    pub async fn stream(&self, org: OrgId, blob: BlobId, part: Part) -> anyhow::Result<(u64, Pieces)> {
        let found = self.0.store.get(&self.key(org, blob, part)).await.context("cannot read a file")?;
        let size = found.meta.size;
        Ok((size, found.into_stream().map_err(io::Error::other).boxed()))
    }

    /// [`Files::stream`] for worker threads: each piece is handed to `each`.
    pub fn read_now(
        &self,
        org: OrgId,
        blob: BlobId,
        mut each: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.0.background.handle()?.block_on(async {
            let (_, mut stream) = self.stream(org, blob, Part::Whole).await?;
            while let Some(piece) = stream.next().await {
                each(&piece?)?;
            }
            Ok(())
        })
    }

    /// A whole blob in memory, for worker threads: mail attachments, pictures.
    pub fn bytes_now(&self, org: OrgId, blob: BlobId, limit: usize) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_now(org, blob, |piece| {
            bytes.extend_from_slice(piece);
            anyhow::ensure!(bytes.len() <= limit, "a file is larger than the {limit} bytes that fit here");
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Writes a small thing, for worker threads.
    pub fn write_now(&self, org: OrgId, blob: BlobId, part: Part, bytes: Vec<u8>) -> anyhow::Result<()> {
        let key = self.key(org, blob, part);
        self.0.background.handle()?.block_on(self.0.store.put(&key, bytes.into())).context("cannot write a file")?;
        Ok(())
    }

    /// Writes a blob as an upload does, for worker threads.
    pub fn upload_now(&self, org: OrgId, blob: BlobId, bytes: Vec<u8>) -> anyhow::Result<Written> {
        self.0.background.handle()?.block_on(async {
            let mut upload = self.upload(org, blob);
            upload.write(bytes.into()).await?;
            upload.finish().await
        })
    }

    /// Removes a blob and what lies beside it; one that is not there is no error. For worker threads.
    pub fn remove_now(&self, org: OrgId, blob: BlobId) -> anyhow::Result<()> {
        for part in [Part::Thumbnail, Part::Whole] {
            let key = self.key(org, blob, part);
            match self.0.background.handle()?.block_on(self.0.store.delete(&key)) {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error).context("cannot remove a file"),
            }
            if let Some(folder) = &self.0.folder {
                remove_staged(folder, &key);
            }
        }
        Ok(())
    }

    /// For the doctor: writes, reads and removes something small.
    pub fn probe(&self) -> anyhow::Result<()> {
        let (org, blob) = (OrgId(uuid::Uuid::nil()), BlobId::new());
        self.upload_now(org, blob, b"pipewright doctor".to_vec())?;
        let read = self.bytes_now(org, blob, 1024);
        self.remove_now(org, blob)?;
        anyhow::ensure!(read? == b"pipewright doctor", "what was written is not what is read");
        Ok(())
    }
}

/// What a process that was killed while writing left beside the blob.
fn remove_staged(folder: &std::path::Path, key: &Path) {
    for n in 1..=3 {
        let _ = fs::remove_file(folder.join(format!("{key}#{n}")));
    }
}

fn s3(bucket: &Bucket, io: &Handle) -> anyhow::Result<impl ObjectStore> {
    // Once for the process; whoever came first has installed the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&bucket.name)
        .with_region(&bucket.region)
        .with_access_key_id(&bucket.key)
        .with_secret_access_key(bucket.secret.expose())
        .with_http_connector(SpawnedReqwestConnector::new(io.clone()))
        // One by one: not every store knows how to delete many.
        .with_disable_bulk_delete(true);
    if let Some(endpoint) = &bucket.endpoint {
        builder = builder
            .with_endpoint(endpoint.as_str().trim_end_matches('/'))
            .with_virtual_hosted_style_request(false)
            .with_allow_http(endpoint.scheme() == "http");
    }
    builder.build().context("cannot use FILES_URL")
}
