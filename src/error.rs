//! The one error type. Closed: every failure of a request is one of these, and one middleware (`web::errors`) renders them.

use crate::web::forms::FormErrors;
use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use std::fmt;

/// What a unique key refuses with.
pub const VALUE_TAKEN: &str = "Another record already has this value.";

pub type AppResult<T> = Result<T, AppError>;

#[derive(Debug)]
pub enum AppError {
    /// No valid session: pages redirect to sign-in.
    Unauthenticated,
    /// Signed in, but the role does not allow it. The text says what is missing.
    Forbidden(&'static str),
    /// Absent, or not for this person's eyes: the two must look the same.
    NotFound,
    /// The world changed meanwhile; the text says how.
    Conflict(String),
    /// The input is wrong; per field where a field is to blame.
    Invalid(FormErrors),
    RateLimited {
        retry_after_secs: u64,
    },
    /// Refused before it reached a handler: malformed, too large, wrong method or type.
    Rejected(StatusCode, &'static str),
    /// Ours. Logged once with an id; the user sees only the id.
    Internal(anyhow::Error),
}

impl AppError {
    /// An error that belongs to one field.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        AppError::Invalid(FormErrors::one(field, message))
    }

    /// What the user is told.
    pub fn message(&self) -> String {
        match self {
            AppError::Unauthenticated => "Sign in to go on.".into(),
            AppError::Forbidden(what) => (*what).into(),
            AppError::NotFound => "This page does not exist, or is not yours to see.".into(),
            AppError::Conflict(what) => what.clone(),
            AppError::Invalid(errors) => errors.summary(),
            AppError::RateLimited { retry_after_secs } => {
                format!("Too many attempts. Try again in {retry_after_secs} seconds.")
            }
            AppError::Rejected(_, what) => (*what).into(),
            AppError::Internal(_) => "Something went wrong on our side. Nothing was saved.".into(),
        }
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppError::Internal(e) => write!(f, "internal: {e:#}"),
            other => f.write_str(&other.message()),
        }
    }
}

impl std::error::Error for AppError {}

impl ResponseError for AppError {
    fn status_code(&self) -> StatusCode {
        match self {
            AppError::Unauthenticated => StatusCode::UNAUTHORIZED,
            AppError::Forbidden(_) => StatusCode::FORBIDDEN,
            AppError::NotFound => StatusCode::NOT_FOUND,
            AppError::Conflict(_) => StatusCode::CONFLICT,
            AppError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            AppError::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            AppError::Rejected(status, _) => *status,
            AppError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Bare: `web::errors` gives it a body that fits the request.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

impl From<DieselError> for AppError {
    fn from(error: DieselError) -> Self {
        let DieselError::DatabaseError(kind, info) = &error else {
            return match error {
                DieselError::NotFound => AppError::NotFound,
                other => AppError::Internal(other.into()),
            };
        };
        let text = info.message();
        match kind {
            // Two people at once; one alone is told at the field, before anything is written.
            DatabaseErrorKind::UniqueViolation if info.constraint_name() == Some("custom_values_unique_value") => {
                AppError::field(
                    "",
                    "A value that must be unique is already that of another record. Change it and save again.",
                )
            }
            DatabaseErrorKind::UniqueViolation => AppError::Conflict(VALUE_TAKEN.into()),
            DatabaseErrorKind::ForeignKeyViolation => {
                AppError::Conflict("A record this one refers to is missing, or this one is still in use.".into())
            }
            DatabaseErrorKind::SerializationFailure => {
                AppError::Conflict("Someone else changed the same records at the same moment. Try again.".into())
            }
            _ if text.starts_with("deadlock detected") => {
                AppError::Conflict("Someone else changed the same records at the same moment. Try again.".into())
            }
            _ if text.starts_with("invalid byte sequence") => {
                AppError::Rejected(StatusCode::BAD_REQUEST, "The text holds a character that cannot be kept (NUL).")
            }
            _ => AppError::Internal(error.into()),
        }
    }
}

impl From<anyhow::Error> for AppError {
    fn from(error: anyhow::Error) -> Self {
        AppError::Internal(error)
    }
}
