//! The routes of the features, looked for by the first segment of their path. Actix tries the patterns of a scope one after the other:
//! with 500 in one list, a late one costs 0.2 ms for each request; here it is the forty literal beginnings that are tried, then the few
//! routes that begin so.
//!
//! Which methods a path answers is remembered beside them: of a path that is there, another method is refused with 405 and their list.

use crate::error::AppError;
use actix_web::{
    FromRequest, Handler, HttpMessage, HttpRequest, HttpResponse, Responder, Route, Scope,
    dev::ResourceDef,
    http::{Method, StatusCode},
    web::{self, scope},
};
use std::sync::Arc;

/// A route, and the method it answers.
pub struct Way {
    method: Method,
    route: Route,
}

pub fn get() -> Way {
    Way { method: Method::GET, route: web::get() }
}

pub fn post() -> Way {
    Way { method: Method::POST, route: web::post() }
}

pub fn delete() -> Way {
    Way { method: Method::DELETE, route: web::delete() }
}

impl Way {
    pub fn to<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self { route: self.route.to(handler), ..self }
    }
}

/// The methods of the path that was asked for, as `Allow` lists them; for the answer that refuses another one.
#[derive(Clone)]
pub struct Allowed(pub String);

/// What features add their routes to, in the order in which they are tried.
#[derive(Default)]
pub struct Routes {
    beginnings: Vec<Beginning>,
}

struct Beginning {
    /// `/deals`, or `/` for the root alone.
    segment: String,
    /// What follows the segment, with its slash.
    routes: Vec<(String, Way)>,
}

impl Routes {
    /// Adds a route of an absolute path, whose first segment is literal.
    pub fn route(&mut self, path: &str, way: Way) -> &mut Self {
        let (segment, rest) = parts(path);
        assert!(path.starts_with('/') && !segment.contains('{'), "{path} has no literal first segment");
        let known = self.beginnings.iter().position(|beginning| beginning.segment == segment);
        let at = known.unwrap_or_else(|| {
            self.beginnings.push(Beginning { segment: segment.to_owned(), routes: Vec::new() });
            self.beginnings.len() - 1
        });
        self.beginnings[at].routes.push((rest.to_owned(), way));
        self
    }

    /// Lets a feature add its own.
    pub fn configure(&mut self, add: impl FnOnce(&mut Self)) -> &mut Self {
        add(self);
        self
    }

    /// All of them in one scope. What matches none is not found.
    pub fn into_scope(self) -> Scope {
        let root = self.beginnings.iter().find(|beginning| beginning.segment == "/");
        let mut all = scope("").default_service(refuse(root.map(Beginning::known).unwrap_or_default()));
        for beginning in self.beginnings {
            let known = beginning.known();
            let Beginning { segment, routes } = beginning;
            all = if segment == "/" {
                routes.into_iter().fold(all, |all, (_, way)| all.route("/", way.route))
            } else {
                // A scope takes whatever begins with its path, so it answers for what it does not know, too.
                let within = scope(&segment).default_service(refuse(known));
                all.service(routes.into_iter().fold(within, |within, (rest, way)| within.route(&rest, way.route)))
            };
        }
        all
    }
}

/// `/deals/{id}/edit` → `/deals` and `/{id}/edit`.
fn parts(path: &str) -> (&str, &str) {
    let end = path.char_indices().skip(1).find(|(_, c)| *c == '/').map_or(path.len(), |(at, _)| at);
    path.split_at(end)
}

type Known = Vec<(ResourceDef, Method)>;

impl Beginning {
    fn known(&self) -> Known {
        let whole = |rest: &str| if self.segment == "/" { "/".to_owned() } else { format!("{}{rest}", self.segment) };
        self.routes.iter().map(|(rest, way)| (ResourceDef::new(whole(rest)), way.method.clone())).collect()
    }
}

/// What no route took: a path that is not there, or a method that its path does not answer.
fn refuse(known: Known) -> Route {
    let known = Arc::new(known);
    web::to(move |req: HttpRequest| {
        let of_it = known.iter().filter(|(path, _)| path.is_match(req.path()));
        let mut allowed: Vec<&str> = of_it.map(|(_, method)| method.as_str()).collect();
        if allowed.contains(&"GET") {
            allowed.push("HEAD");
        }
        allowed.sort_unstable();
        allowed.dedup();
        let error = if allowed.is_empty() {
            AppError::NotFound
        } else {
            req.extensions_mut().insert(Allowed(allowed.join(", ")));
            AppError::Rejected(StatusCode::METHOD_NOT_ALLOWED, "This address does not accept that kind of request.")
        };
        async move { HttpResponse::from_error(error) }
    })
}
