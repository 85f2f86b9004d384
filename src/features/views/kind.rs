//! The ways of looking at the same deals: a list, a board, a calendar, a forecast, a timeline. All of them have the list's parameters in
//! their addresses, so that a filter goes along from one to the next, and a saved view is a query string that says its kind.

use crate::kernel::PipelineId;

/// What a kind says of itself beside the filter: periods or weeks, lanes, groups, zoom.
pub const SHAPE: &[&str] = &["unit", "group_by", "zoom"];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    List,
    Board,
    Calendar,
    Forecast,
    Timeline,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::Board, Kind::List, Kind::Calendar, Kind::Forecast, Kind::Timeline];

    /// What the switcher offers.
    pub const OFFERED: &[Kind] = &[Kind::Board, Kind::List, Kind::Calendar, Kind::Forecast, Kind::Timeline];

    pub fn key(self) -> &'static str {
        match self {
            Kind::List => "list",
            Kind::Board => "board",
            Kind::Calendar => "calendar",
            Kind::Forecast => "forecast",
            Kind::Timeline => "timeline",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Kind::List => "List",
            Kind::Board => "Board",
            Kind::Calendar => "Calendar",
            Kind::Forecast => "Forecast",
            Kind::Timeline => "Timeline",
        }
    }

    pub fn icon(self) -> &'static str {
        match self {
            Kind::List => "list",
            Kind::Board => "layout-kanban",
            Kind::Calendar => "calendar",
            Kind::Forecast => "trending-up",
            Kind::Timeline => "timeline",
        }
    }

    /// Anything else is a list.
    pub fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.key() == text).unwrap_or_default()
    }

    /// Where it is, of one pipeline; a list is elsewhere.
    pub fn path(self, pipeline: PipelineId) -> String {
        match self {
            Kind::List => "/deals".to_owned(),
            Kind::Board => format!("/pipeline/{pipeline}"),
            other => format!("/pipeline/{pipeline}/{}", other.key()),
        }
    }
}

/// One of them in the switcher.
#[derive(Clone, Debug)]
pub struct Link {
    pub href: String,
    pub label: &'static str,
    pub icon: &'static str,
    pub current: bool,
}

impl Link {
    pub fn new(kind: Kind, href: String, current: bool) -> Self {
        Self { href, label: kind.label(), icon: kind.icon(), current }
    }
}

/// The address of a view of deals that is no list, from its query string: the pipeline stands in the path. `None`: a list, or no pipeline.
pub fn address(pairs: &[(String, String)]) -> Option<String> {
    let get = |name: &str| pairs.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str());
    let kind = Kind::parse(get("kind"));
    let pipeline: PipelineId = get("pipeline").parse().ok()?;
    if kind == Kind::List {
        return None;
    }
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs.iter().filter(|(name, _)| name != "kind" && name != "pipeline"));
    let query = query.finish();
    // Without a word a board would show what was last looked for.
    Some(format!("{}?{}", kind.path(pipeline), if query.is_empty() { "reset=1" } else { &query }))
}
