//! The menu beside every settings page: what is the person's own, and what is the organisation's to those who administer it.

use crate::{
    features::records::require_delete,
    kernel::RecordType,
    web::{
        Actor,
        permission::{Permission, activities, organisation, products, tags},
    },
};

/// An entry; `group` is the heading it stands under.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SettingsNav {
    pub key: &'static str,
    pub href: &'static str,
    pub label: &'static str,
    pub icon: &'static str,
    pub group: &'static str,
    /// The first of its group that this person may open.
    pub first: bool,
}

const YOU: &str = "You";
const ORGANISATION: &str = "Organisation";
const SYSTEM: &str = "System";

const fn item(
    key: &'static str,
    href: &'static str,
    label: &'static str,
    icon: &'static str,
    group: &'static str,
) -> SettingsNav {
    SettingsNav { key, href, label, icon, group, first: false }
}

const ALL: &[SettingsNav] = &[
    item("profile", "/settings/profile", "Profile", "user-circle", YOU),
    item("calendar", "/settings/calendar", "Calendar", "calendar", YOU),
    item("security", "/settings/security", "Sign-in and security", "shield-lock", YOU),
    item("signature", "/settings/signature", "Mail signature", "signature", YOU),
    item("notifications", "/settings/notifications", "Notifications", "bell", YOU),
    item("operations", "/operations", "Bulk changes", "stack-2", YOU),
    item("bin", "/bin", "Bin", "trash", YOU),
    item("organisation", "/settings/organisation", "Organisation", "building", ORGANISATION),
    item("members", "/settings/members", "Members", "users", ORGANISATION),
    item("teams", "/settings/teams", "Teams", "users-group", ORGANISATION),
    item("roles", "/settings/roles", "Roles", "key", ORGANISATION),
    item("pipelines", "/settings/pipelines", "Pipelines", "layout-kanban", ORGANISATION),
    item("currencies", "/settings/currencies", "Currencies", "currency-euro", ORGANISATION),
    item("products", "/settings/products", "Taxes and categories", "package", ORGANISATION),
    item("closing", "/settings/closing", "Won and lost", "trophy", ORGANISATION),
    item("competitors", "/settings/competitors", "Competitors", "target", ORGANISATION),
    item("deal-templates", "/settings/deal-templates", "Deal templates", "template", ORGANISATION),
    item("tags", "/settings/tags", "Tags", "tags", ORGANISATION),
    item("activity-types", "/settings/activity-types", "Activity types", "calendar-event", ORGANISATION),
    item("activity-templates", "/settings/activity-templates", "Activity templates", "template", ORGANISATION),
    item("fields", "/settings/fields", "Fields", "list-details", ORGANISATION),
    item("rules", "/settings/rules", "Validation rules", "checklist", ORGANISATION),
    item("completeness", "/settings/completeness", "Completeness", "gauge", ORGANISATION),
    item("web-forms", "/settings/web-forms", "Web forms", "template", ORGANISATION),
    item("assignment", "/settings/assignment", "Assignment", "user-check", ORGANISATION),
    item("sending", "/settings/sending", "Mail to customers", "send", ORGANISATION),
    item("files", "/settings/files", "Files", "paperclip", ORGANISATION),
    item("retention", "/settings/retention", "Retention", "calendar-x", ORGANISATION),
    item("mail", "/settings/mail", "Outgoing mail", "mail", SYSTEM),
    item("jobs", "/settings/jobs", "Background jobs", "robot", SYSTEM),
];

/// What this person may open.
pub fn nav(actor: &Actor) -> Vec<SettingsNav> {
    let mut items: Vec<SettingsNav> = ALL.iter().filter(|item| may_open(actor, item)).copied().collect();
    let mut group = "";
    for item in &mut items {
        item.first = item.group != group;
        group = item.group;
    }
    items
}

fn may_open(actor: &Actor, item: &SettingsNav) -> bool {
    match (item.group, item.key) {
        (_, "bin") => RecordType::ALL.into_iter().any(|record| require_delete(actor, record).is_ok()),
        (YOU, _) => true,
        (_, "products") => actor.may(products::Administer::KEY),
        (_, "tags") => actor.may(tags::Administer::KEY),
        (_, "activity-templates") => actor.may(activities::Administer::KEY),
        (_, "pipelines" | "competitors" | "closing" | "deal-templates") => {
            actor.may(organisation::ManagePipelines::KEY)
        }
        _ => actor.may(organisation::Administer::KEY),
    }
}
