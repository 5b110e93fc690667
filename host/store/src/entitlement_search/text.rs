//! The statements of a search, put together from constants: one for each way to gather rows and each
//! order. What a caller gave is bound, always.

use grantry_model::entitlement_search::Order;

use crate::dialect::{self, WORDS};

/// Rows that one step in order looks at, each of which is read. Few in tests, so that they take every
/// way.
pub(super) const STEP_ROWS: u32 = if cfg!(test) { 30 } else { 10_000 };
/// The same where an index over words can take over: a word that one row in thirty holds fills a page.
pub(super) const STEP_ROWS_OF_WORDS: u32 = if cfg!(test) { 15 } else { 1_500 };
/// Most rows that are gathered by a filter alone.
pub(super) const GATHERED_MAX: i64 = if cfg!(test) { 60 } else { 3_000 };

/// Arguments that every search binds first: [`FILTERS`](filters) names them.
pub(super) const FILTER_ARGUMENTS: usize = 10;

/// A filter that may leave few rows, which are then gathered and sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gather {
    Resource,
    Removed,
    Privileged,
    Apps,
    Kind,
}

impl Gather {
    pub(super) const ALL: [Self; 5] =
        [Self::Resource, Self::Removed, Self::Privileged, Self::Apps, Self::Kind];

    fn condition(self, is_postgres: bool, argument: &str) -> String {
        match self {
            Self::Resource => format!("e.resource_id = {argument}"),
            Self::Removed => "e.removed_ms IS NOT NULL".to_owned(),
            Self::Privileged => "COALESCE(e.said_privileged, e.is_privileged) = 1".to_owned(),
            Self::Apps => format!("e.app_id IN {}", dialect::texts(is_postgres, argument)),
            Self::Kind => format!("e.kind = {argument}"),
        }
    }

    /// Which of the filters' arguments it is about.
    fn argument(self) -> &'static str {
        match self {
            Self::Resource => "$4",
            Self::Apps => "$1",
            Self::Kind => "$3",
            Self::Removed | Self::Privileged => "",
        }
    }

    /// Whether counting binds an argument.
    pub(super) fn is_bound(self) -> bool {
        !self.argument().is_empty()
    }

    /// How many rows it leaves, counted up to one more than are gathered.
    pub(super) fn count(self, is_postgres: bool) -> String {
        let condition = self.condition(is_postgres, "$1");
        let limit = GATHERED_MAX + 1;
        format!(
            "SELECT COUNT(*) FROM (SELECT 1 FROM entitlements e WHERE {condition} LIMIT {limit}) s"
        )
    }
}

/// How many rows may hold the words, counted like [`Gather::count`], where that is quick.
pub(super) fn count_of_words(is_postgres: bool) -> Option<String> {
    dialect::words_count(is_postgres, GATHERED_MAX + 1)
}

/// How the rows of a page are come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Along the order, up to a bound if there is one; of one app, if so; asking the index over words
    /// before a row is read, if so.
    Along { is_bounded: bool, is_of_app: bool, is_by_words: bool },
    /// All that may hold the words, sorted.
    Words,
    /// All that a filter leaves, sorted.
    Gathered(Gather),
}

/// What an order goes by, and whether it descends.
fn keys(order: Order) -> (&'static [&'static str], bool) {
    match order {
        Order::Name => (&["e.name_key", "e.id"], false),
        Order::Kind => (&["e.kind", "e.name_key", "e.id"], false),
        Order::App => (&["LOWER(p.name)", "p.id", "e.name_key", "e.id"], false),
        Order::Changed => (&["e.changed_ms", "e.id"], true),
    }
}

/// How many texts a position in that order has.
pub(super) fn position_length(order: Order) -> usize {
    keys(order).0.len()
}

fn ordered_by((keys, descends): (&[&str], bool)) -> String {
    let direction = if descends { " DESC" } else { "" };
    keys.iter().map(|key| format!("{key}{direction}")).collect::<Vec<_>>().join(", ")
}

/// `(keys) > ($n, …)`, from argument `first` on.
fn beyond(keys: &[&str], comparison: &str, first: usize) -> String {
    let argument = |(index, key): (usize, &&str)| match *key {
        "e.changed_ms" => format!("CAST(${} AS BIGINT)", first + index),
        _ => format!("${}", first + index),
    };
    let arguments: Vec<String> = keys.iter().enumerate().map(argument).collect();
    format!("({}) {comparison} ({})", keys.join(", "), arguments.join(", "))
}

const COLUMNS: &str = "e.id, e.integration_id, e.app_id, e.resource_id, e.kind, e.native_id, e.slug, e.display, e.is_privileged, e.is_immutable, e.details, e.first_seen_ms, e.removed_ms, e.said_display, e.said_description, e.said_privileged, e.said_version";
/// What filters and orders look at beside what is shown.
const HIDDEN_COLUMNS: &str = "e.search, e.said_search, e.name_key, e.changed_ms, e.known_as";
/// What an entitlement's type says of it.
const OF_TYPE: &str = "COALESCE(e.known_as, e.native_id), (SELECT COUNT(*) FROM entitlement_types t WHERE t.integration_id = e.integration_id AND t.name = e.kind AND t.deleted_ms IS NOT NULL)";

/// Of an integration or a list of members, and of no type that is frozen or not offered to people. `own`
/// is our own JSON.
const OFFERED: &str = "(EXISTS (SELECT 1 FROM integrations n WHERE n.id = e.integration_id) OR EXISTS (SELECT 1 FROM apps l WHERE l.id = e.integration_id AND l.list_kind = 'members')) AND NOT EXISTS (SELECT 1 FROM entitlement_types t WHERE t.integration_id = e.integration_id AND t.name = e.kind AND (t.deleted_ms IS NOT NULL OR t.own LIKE '%\"is_cloud_enabled\":false%'))";

/// What every page's rows must fulfil.
fn filters(is_postgres: bool) -> String {
    let texts = |argument| dialect::texts(is_postgres, argument);
    let (apps, closed, said, holders) = (texts("$1"), texts("$8"), texts("$9"), texts("$10"));
    // `rules` begins with the word that is looked for: it is our own JSON, with its fields in order.
    let word = |word: &str| {
        format!(
            "EXISTS (SELECT 1 FROM request_rules r WHERE r.subject_id = e.resource_id AND r.integration_id = e.integration_id AND r.rules LIKE '{{\"is_requestable\":{word}%')"
        )
    };
    let is_requestable = format!(
        "e.is_immutable = 0 AND e.integration_id NOT IN {closed} AND {OFFERED} AND NOT {} AND (e.integration_id NOT IN {said} OR {})",
        word("false"),
        word("true")
    );
    format!(
        "($1 = '[]' OR e.app_id IN {apps}) \
        AND ($3 = '' OR e.kind = $3) AND ($4 = '' OR e.resource_id = $4) \
        AND ($5 = '' OR COALESCE(e.said_privileged, e.is_privileged) = CASE $5 WHEN 'true' THEN 1 ELSE 0 END) \
        AND ($6 = 'any' OR ($6 = 'live' AND e.removed_ms IS NULL) OR ($6 = 'removed' AND e.removed_ms IS NOT NULL)) \
        AND ($2 = '' OR {WORDS} LIKE $2 ESCAPE '\\') \
        AND ($7 = '' OR $7 = CASE WHEN {is_requestable} THEN 'true' ELSE 'false' END) \
        AND ($10 = '[]' OR EXISTS (SELECT 1 FROM assignments a WHERE a.entitlement_id = e.id AND a.removed_ms IS NULL AND a.holder_id IN {holders}))"
    )
}

/// A page. Binds the filters, the position (`position_length` texts), then by the way: the bound (as
/// many texts) and the app, or what the index over words is asked; at last the limit.
pub(super) fn page(is_postgres: bool, way: Way, order: Order) -> String {
    let (keys, descends) = keys(order);
    let (after, until) = if descends { ("<", ">=") } else { (">", "<=") };
    let mut next = FILTER_ARGUMENTS + 1;
    let mut conditions = vec![filters(is_postgres), beyond(keys, after, next)];
    next += keys.len();
    let mut rows = (String::new(), "entitlements e");
    match way {
        Way::Along { is_bounded, is_of_app, is_by_words } => {
            if is_bounded {
                conditions.push(beyond(keys, until, next));
                next += keys.len();
            }
            if is_of_app {
                conditions.push(format!("e.app_id = ${next}"));
                next += 1;
            }
            if is_by_words
                && let Some(condition) = dialect::words_among(is_postgres, &format!("${next}"))
            {
                conditions.push(condition);
                next += 1;
            }
        }
        Way::Words => {
            let (fence, source, condition) =
                dialect::words_source(is_postgres, &format!("${next}"));
            next += 1;
            rows = (gathered(fence, &source, &condition), "found e");
        }
        Way::Gathered(gather) => {
            let condition = gather.condition(is_postgres, gather.argument());
            rows = (gathered("MATERIALIZED", "entitlements e", &condition), "found e");
        }
    }
    let position: Vec<String> = keys.iter().map(|key| format!("CAST({key} AS TEXT)")).collect();
    format!(
        "{}SELECT {COLUMNS}, {OF_TYPE}, p.name, {} FROM {} CROSS JOIN apps p WHERE p.id = e.app_id AND {} ORDER BY {} LIMIT ${next}",
        rows.0,
        position.join(", "),
        rows.1,
        conditions.join(" AND "),
        ordered_by((keys, descends)),
    )
}

fn gathered(fence: &str, source: &str, condition: &str) -> String {
    format!(
        "WITH found AS {fence} (SELECT {COLUMNS}, {HIDDEN_COLUMNS} FROM {source} WHERE {condition}) "
    )
}

/// Where a step of so many rows along the order ends. Binds the position, then the app.
pub(super) fn bound(order: Order, is_of_app: bool, rows: u32) -> String {
    let (keys, descends) = keys(order);
    let comparison = if descends { "<" } else { ">" };
    let position: Vec<String> = keys.iter().map(|key| format!("CAST({key} AS TEXT)")).collect();
    let app =
        if is_of_app { format!(" AND e.app_id = ${}", keys.len() + 1) } else { String::new() };
    format!(
        "SELECT {} FROM entitlements e WHERE {}{app} ORDER BY {} LIMIT 1 OFFSET {rows}",
        position.join(", "),
        beyond(keys, comparison, 1),
        ordered_by((keys, descends)),
    )
}

/// The apps of a list by app. Binds the place, which apps are meant, and the limit.
pub(super) fn apps(is_postgres: bool) -> String {
    let apps = dialect::texts(is_postgres, "$3");
    format!(
        "SELECT LOWER(p.name), p.id FROM apps p WHERE (LOWER(p.name), p.id) >= ($1, $2) AND ($3 = '[]' OR p.id IN {apps}) ORDER BY LOWER(p.name), p.id LIMIT $4"
    )
}

/// Every statement that can be built.
#[cfg(test)]
pub(crate) fn built_statements(is_postgres: bool) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for order in Order::ALL {
        all.push(("words", page(is_postgres, Way::Words, order)));
        for gather in Gather::ALL {
            all.push(("gathered", page(is_postgres, Way::Gathered(gather), order)));
        }
        for is_of_app in [true, false] {
            for (is_bounded, is_by_words) in [(true, false), (false, false), (false, !is_postgres)]
            {
                let way = Way::Along { is_bounded, is_of_app, is_by_words };
                all.push(("along", page(is_postgres, way, order)));
            }
            if order != Order::App {
                all.push(("bound", bound(order, is_of_app, STEP_ROWS)));
            }
        }
    }
    all.push(("apps", apps(is_postgres)));
    all.extend(Gather::ALL.map(|gather| ("count", gather.count(is_postgres))));
    all.extend(count_of_words(is_postgres).map(|count| ("count of words", count)));
    all
}
