//! Every route, read off the source: what a feature adds is walked without anybody having to remember it.

use super::Belongings;
use std::{fs, path::Path};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    pub method: String,
    pub path: String,
}

/// The routes of the public listener, but for the static files.
pub fn all() -> Vec<Route> {
    let mut routes = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in sources(&root) {
        let text = fs::read_to_string(&file).unwrap();
        if file.ends_with("features/health/mod.rs")
            || file.ends_with("features/mod.rs")
            || file.ends_with("web/paths.rs")
        {
            continue;
        }
        for other_way in ["web::resource(", "web::scope(", "#[get(", "#[post("] {
            assert!(
                !text.contains(other_way),
                "{}: this test reads only .route(path, method().to(…)), not {other_way}",
                file.display()
            );
        }
        for part in text.split(".route(").skip(1) {
            routes.extend(read(part, &file).into_iter().filter(|route| !route.path.starts_with("/static")));
        }
    }
    routes.sort();
    routes.dedup();
    assert!(routes.len() > 40, "only {} routes found", routes.len());
    routes
}

fn sources(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files
}

/// Reads `"/path", method().to(…`, `&all("/rest"), method()…` or `&at("rest"), method()…`: the routes every record type's list has,
/// and each record of it.
fn read(part: &str, file: &Path) -> Vec<Route> {
    let part = part.trim_start();
    let shapes = [("&at(", Some("/{id}/")), ("&all(", Some(""))];
    let shape = shapes.iter().find_map(|(start, way)| Some((*way, part.strip_prefix(start)?.trim_start())));
    let (shared, part) = shape.unwrap_or((None, part));
    let unreadable = || panic!("{}: cannot read the route at {:?}", file.display(), &part[..part.len().min(60)]);
    let Some((path, rest)) = part.strip_prefix('"').and_then(|part| part.split_once('"')) else { unreadable() };
    let rest = rest.trim_start_matches([')', ',', ' ', '\n']);
    let rest = rest.strip_prefix("web::").unwrap_or(rest);
    let Some((method, _)) = rest.split_once('(') else { unreadable() };
    let route = |path: String| Route { method: method.trim().to_uppercase(), path };
    if let Some(way) = shared {
        let feature = |plural: &str| {
            fs::read_to_string(format!("{}/src/features/{plural}/mod.rs", env!("CARGO_MANIFEST_DIR"))).unwrap()
        };
        let plurals = ["companies", "contacts", "leads", "deals"]
            .into_iter()
            .filter(|plural| feature(plural).contains("records::configure("));
        plurals.map(|plural| route(format!("/{plural}{way}{path}"))).collect()
    } else {
        vec![route(path.to_owned())]
    }
}

impl Route {
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether it names something of an organisation's.
    pub fn names_something(&self) -> bool {
        self.path.contains("{id}")
            || self.path.contains("{pipeline}")
            || self.path.contains("{stage}")
            || self.path.contains("{member}")
            || self.path.contains("{note}")
            || self.path.contains("{tag}")
            || self.path.contains("{contact}")
            || self.path.contains("{line}")
    }

    /// The path with those ids in it.
    pub fn with(&self, b: &Belongings) -> String {
        let mut path = String::new();
        let mut before = "";
        for part in self.path.split('/').skip(1) {
            let value = match part {
                "{pipeline}" => b.pipeline.to_string(),
                "{stage}" => b.stage.to_string(),
                "{member}" => b.member.to_string(),
                "{contact}" => b.contact.to_string(),
                "{note}" => b.note.to_string(),
                "{competitor}" => b.competitor.to_string(),
                "{criterion}" => b.criterion.to_string(),
                "{line}" => b.line.to_string(),
                "{key}" if self.path.starts_with("/contacts/") || self.path.starts_with("/leads/") => {
                    "title".to_owned()
                }
                "{tag}" => b.tag.to_string(),
                "{key}" => "name".to_owned(),
                "{event}" => b.job.to_string(),
                "{token}" => "no-such-token".to_owned(),
                "{kind}" => "created".to_owned(),
                "{id}" => match before {
                    "companies" => b.company,
                    "contacts" => b.contact,
                    "leads" => b.lead,
                    "deals" => b.deal,
                    "products" => b.product,
                    "exchange-rates" => b.rate,
                    "tax-classes" => b.tax_class,
                    "product-categories" => b.product_category,
                    "notes" => b.note,
                    "comments" => b.comment,
                    "notifications" => b.notice,
                    "activities" => b.activity,
                    "files" => b.file,
                    "activity-types" => b.activity_type,
                    "activity-templates" => b.activity_template,
                    "activity-steps" => b.activity_step,
                    "fields" => b.field,
                    "teams" => b.team,
                    "roles" => b.role,
                    "members" => b.member,
                    "invitations" => b.invitation,
                    "imports" => b.import,
                    "exports" => b.export,
                    "mail" => b.mail,
                    "templates" => b.mail_template,
                    "mails" => b.message,
                    "mailings" => b.mailing,
                    "jobs" => b.job,
                    "operations" => b.operation,
                    "tags" => b.tag,
                    "competitors" => b.competitor,
                    "segments" => b.segment,
                    "merges" => b.merge,
                    "duplicates" => b.duplicate,
                    "rules" => b.rule,
                    // Named by a hash; nobody has this one.
                    "sessions" => b.job,
                    "pipelines" | "pipeline" => b.pipeline,
                    "stages" => b.stage,
                    "views" => b.view,
                    "web-forms" => b.web_form,
                    "quarantine" => b.submission,
                    "assignment" => b.assignment_rule,
                    "automations" => b.automation,
                    "deal-templates" => b.deal_template,
                    "automation-runs" => b.automation_run,
                    "retention" => b.rule,
                    other => panic!("{}: what is {{id}} after {other:?}? Tell tests/it/support/routes.rs", self.name()),
                }
                .to_string(),
                other if other.starts_with('{') => {
                    panic!("{}: what is {other}? Tell tests/it/support/routes.rs", self.name())
                }
                other => other.to_owned(),
            };
            path.push('/');
            path.push_str(&value);
            before = part;
        }
        path
    }
}
