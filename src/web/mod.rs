//! Between HTTP and the features: who is asking, what may they do, how forms are read and answers are written.

pub mod assets;
pub mod auth;
pub mod carried;
pub mod csrf;
pub mod errors;
pub mod flash;
pub mod forms;
pub mod headers;
pub mod limits;
pub mod metrics;
pub mod paths;
pub mod permission;
pub mod reply;
pub mod sessions;
pub mod shell;
pub mod upload;

pub use auth::Actor;
pub use forms::{Form, FormErrors, FormView, Parser, SelectOption};
pub use paths::Routes;
pub use permission::Allow;
pub use shell::{Page, Shell};
