//! Typed ids over UUIDv7: a `DealId` is never passed where a `StageId` belongs, and new keys arrive in index order.

use diesel::{deserialize::FromSqlRow, expression::AsExpression, sql_types::Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! typed_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, AsExpression, FromSqlRow)]
        #[diesel(sql_type = SqlUuid)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id, later than every id this process made before.
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(s).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl diesel::serialize::ToSql<SqlUuid, diesel::pg::Pg> for $name {
            fn to_sql<'b>(&'b self, out: &mut diesel::serialize::Output<'b, '_, diesel::pg::Pg>) -> diesel::serialize::Result {
                diesel::serialize::ToSql::<SqlUuid, diesel::pg::Pg>::to_sql(&self.0, out)
            }
        }

        impl diesel::deserialize::FromSql<SqlUuid, diesel::pg::Pg> for $name {
            fn from_sql(bytes: diesel::pg::PgValue<'_>) -> diesel::deserialize::Result<Self> {
                <Uuid as diesel::deserialize::FromSql<SqlUuid, diesel::pg::Pg>>::from_sql(bytes).map(Self)
            }
        }
    )+};
}

typed_id!(
    /// An organisation: the tenant.
    OrgId,
    /// A person, across organisations.
    UserId,
    /// A person in an organisation; the same value as their `UserId`.
    MemberId,
    RoleId,
    TeamId,
    InvitationId,
    CompanyId,
    ContactId,
    LeadId,
    DealId,
    /// A line of a deal.
    LineId,
    ProductId,
    ProductCategoryId,
    TaxClassId,
    PipelineId,
    StageId,
    CriterionId,
    CompetitorId,
    NoteId,
    ActivityId,
    ActivitySeriesId,
    ActivityTemplateId,
    ActivityTypeId,
    AutomationId,
    DealTemplateId,
    AutomationRunId,
    FileId,
    /// Bytes in the store: one version of a file.
    BlobId,
    CommentId,
    ImportId,
    ExportId,
    CustomFieldId,
    OperationId,
    TagId,
    SegmentId,
    MergeId,
    DuplicateId,
    RuleId,
    WebFormId,
    SubmissionId,
    TargetId,
    AssignmentRuleId,
    MailId,
    MailTemplateId,
    MailingId,
    MessageId,
    JobId,
    EventId,
);

impl From<UserId> for MemberId {
    fn from(id: UserId) -> Self {
        Self(id.0)
    }
}

impl From<MemberId> for UserId {
    fn from(id: MemberId) -> Self {
        Self(id.0)
    }
}
