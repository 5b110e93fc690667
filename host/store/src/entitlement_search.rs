//! Finding entitlements of all apps among a million (CAT-8).
//!
//! No single statement is fast for words that one row holds and for words that every row holds. What
//! is rare, by the index over words or by a filter, is gathered and sorted. Anything else is looked for
//! along the order, where frequent words fill a page soon; what the first rows do not show is asked of
//! the index over words, row by row of the order's index. [`text`] has the statements.

pub(crate) mod text;

use grantry_authz::Visible;
use grantry_model::entitlement_search::{Order, State, looked_for, pieces};
use grantry_model::ids::AppId;
use grantry_model::settings::Settings;
use text::{GATHERED_MAX, Gather, STEP_ROWS, STEP_ROWS_OF_WORDS, Way};

use crate::catalogue::{StoredEntitlement, entitlement, like_anywhere, wanted};
use crate::db::{Arg, Db, Row, args};
use crate::{Result, dialect, statements};

/// Apps that a list by app goes through one by one, before it sorts what it finds in all of them.
const APPS_ALONG_MAX: u32 = 20;

/// Which entitlements, in which order, from where on. Empty texts and lists mean "any".
#[derive(Debug, Clone)]
pub struct EntitlementSearch {
    /// Words to look for; `*` stands for anything.
    pub search: String,
    /// Of these apps.
    pub apps: Visible,
    /// Only of this kind.
    pub kind: String,
    /// Only on this resource.
    pub resource: String,
    /// Only those that are privileged, or not.
    pub privileged: Option<bool>,
    /// Only those that can be requested, or not.
    pub requestable: Option<bool>,
    /// Only those that one of these accounts holds; `None` for any.
    pub holders: Option<Vec<String>>,
    /// Whether they are in the target.
    pub state: State,
    /// The order.
    pub order: Order,
    /// The last one of the page before.
    pub after: Option<Position>,
    /// At most this many.
    pub limit: u32,
}

/// Where an entitlement stands in an order: what the order goes by, and its id at last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position(pub Vec<String>);

/// An entitlement that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundEntitlement {
    /// The entitlement.
    pub entitlement: StoredEntitlement,
    /// What its app is called.
    pub app_name: String,
    /// Where it stands.
    pub position: Position,
}

statements! {
    SETTINGS = "SELECT id, settings FROM integrations";
    /// An account, with the app that it is in.
    ACCOUNT = "SELECT o.id, COALESCE(i.app_id, o.integration_id) FROM objects o LEFT JOIN integrations i ON i.id = o.integration_id WHERE o.id = $1 AND o.class = 'account' AND o.removed_ms IS NULL";
    ACCOUNTS_OF = "SELECT o.id, COALESCE(i.app_id, o.integration_id) FROM mappings m JOIN objects o ON o.id = m.account_id LEFT JOIN integrations i ON i.id = o.integration_id WHERE m.identity_id = $1 AND o.removed_ms IS NULL ORDER BY o.id";
}

impl Position {
    /// Before everything, in that order.
    fn start(order: Order) -> Self {
        let mut texts = vec![String::new(); text::position_length(order)];
        if order == Order::Changed {
            texts[0] = i64::MAX.to_string();
        }
        Self(texts)
    }

    /// Whether it can be a position in that order: what came from outside is not ours for sure.
    pub fn fits(&self, order: Order) -> bool {
        let is_number = order != Order::Changed
            || self.0.first().is_some_and(|text| text.parse::<i64>().is_ok());
        self.0.len() == text::position_length(order) && is_number
    }
}

/// JSON of texts.
fn json<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    serde_json::Value::from_iter(texts).to_string()
}

/// A search with its filters as they are bound.
struct Prepared<'a> {
    search: &'a EntitlementSearch,
    apps: String,
    pattern: String,
    /// What the index over words is asked; `None` where it is of no help.
    words: Option<String>,
    requestable: &'static str,
    closed: String,
    said: String,
    holders: String,
}

impl Prepared<'_> {
    fn filters(&self) -> Vec<Arg<'_>> {
        let search = self.search;
        let filters = args![
            &self.apps,
            &self.pattern,
            &search.kind,
            &search.resource,
            wanted(search.privileged),
            search.state.name(),
            self.requestable,
            &self.closed,
            &self.said,
            &self.holders
        ];
        filters.to_vec()
    }

    /// Filters that may leave few rows, with the argument that counting them binds.
    fn gathers(&self) -> Vec<(Gather, &str)> {
        let search = self.search;
        let is_wanted = |gather: &Gather| match gather {
            Gather::Resource => !search.resource.is_empty(),
            Gather::Removed => search.state == State::Removed,
            Gather::Privileged => search.privileged == Some(true),
            Gather::Apps => search.apps != Visible::All,
            Gather::Kind => !search.kind.is_empty(),
        };
        let argument = |gather| match gather {
            Gather::Resource => search.resource.as_str(),
            Gather::Apps => self.apps.as_str(),
            Gather::Kind => search.kind.as_str(),
            Gather::Removed | Gather::Privileged => "",
        };
        Gather::ALL.into_iter().filter(is_wanted).map(|gather| (gather, argument(gather))).collect()
    }
}

fn found(row: &Row, order: Order) -> Result<FoundEntitlement> {
    let texts = (0..text::position_length(order)).map(|index| row.text(20 + index));
    Ok(FoundEntitlement {
        entitlement: entitlement(row)?,
        app_name: row.text(19)?,
        position: Position(texts.collect::<Result<_>>()?),
    })
}

fn account_in_app(row: &Row) -> Result<(String, AppId)> {
    Ok((row.text(0)?, row.parsed(1, "app id", |text| AppId::parse(text).ok())?))
}

impl Db {
    /// Entitlements of many apps.
    pub async fn search_entitlements(
        &self,
        search: &EntitlementSearch,
    ) -> Result<Vec<FoundEntitlement>> {
        let is_empty = matches!(&search.apps, Visible::Only(apps) if apps.is_empty())
            || search.holders.as_ref().is_some_and(Vec::is_empty);
        if is_empty {
            return Ok(Vec::new());
        }
        let prepared = self.prepare(search).await?;
        let after = search.after.clone().unwrap_or_else(|| Position::start(search.order));
        if let Some(way) = self.rare(&prepared).await? {
            return self
                .page_by(&prepared, way, search.order, (&after, None, None), search.limit)
                .await;
        }
        let along = match (&search.apps, search.order) {
            (_, Order::App) => self.along_apps(&prepared, &after).await?,
            (Visible::Only(apps), Order::Name) if apps.len() == 1 => {
                self.along(&prepared, Order::Name, &after, Some(&apps[0]), search.limit).await?
            }
            (_, order) => self.along(&prepared, order, &after, None, search.limit).await?,
        };
        match along {
            Some(found) => Ok(found),
            None => self.sorted(&prepared, &after).await,
        }
    }

    /// The account, if it lives, with the app that it is in.
    pub async fn account_in_app(&self, id: &str) -> Result<Vec<(String, AppId)>> {
        self.fetch(ACCOUNT, args![id]).await?.iter().map(account_in_app).collect()
    }

    /// The living accounts of an identity, each with the app that it is in.
    pub async fn identity_in_apps(&self, identity: &str) -> Result<Vec<(String, AppId)>> {
        self.fetch(ACCOUNTS_OF, args![identity]).await?.iter().map(account_in_app).collect()
    }

    async fn prepare<'a>(&self, search: &'a EntitlementSearch) -> Result<Prepared<'a>> {
        let apps = match &search.apps {
            Visible::All => json([]),
            Visible::Only(apps) => json(apps.iter().map(AppId::as_str)),
        };
        let (mut closed, mut said) = (Vec::new(), Vec::new());
        if search.requestable.is_some() {
            for row in self.fetch(SETTINGS, &[]).await? {
                let settings: Settings = row.json(1, "settings")?;
                match (settings.is_requestable, settings.is_requestable_by_default) {
                    (false, _) => closed.push(row.text(0)?),
                    (true, false) => said.push(row.text(0)?),
                    (true, true) => {}
                }
            }
        }
        let texts = |texts: &[String]| json(texts.iter().map(String::as_str));
        let words = looked_for(&search.search);
        let (pattern, pieces) = (like_anywhere(&words), pieces(&words));
        let words = (!pieces.is_empty())
            .then(|| dialect::words_argument(self.is_postgres(), &pattern, &pieces));
        Ok(Prepared {
            search,
            apps,
            pattern,
            words,
            requestable: wanted(search.requestable),
            closed: texts(&closed),
            said: texts(&said),
            holders: texts(search.holders.as_deref().unwrap_or_default()),
        })
    }

    /// The way that leaves few rows, if one is known to.
    async fn rare(&self, prepared: &Prepared<'_>) -> Result<Option<Way>> {
        let is_postgres = self.is_postgres();
        let counts = prepared.gathers().into_iter().map(|(gather, argument)| {
            (
                Way::Gathered(gather),
                gather.count(is_postgres),
                gather.is_bound().then_some(argument),
            )
        });
        let words = text::count_of_words(is_postgres).zip(prepared.words.as_deref());
        let words = words.map(|(count, words)| (Way::Words, count, Some(words)));
        for (way, count, argument) in counts.chain(words) {
            let argument: Vec<Arg<'_>> = argument.into_iter().map(Arg::from).collect();
            let rows = self.fetch_built(&count, &argument).await?;
            if rows.first().map_or(Ok(0), |row| row.int(0))? <= GATHERED_MAX {
                return Ok(Some(way));
            }
        }
        Ok(None)
    }

    /// A page along the order, if the first rows fill it or are all, or an index over words tells of
    /// the others.
    async fn along(
        &self,
        prepared: &Prepared<'_>,
        order: Order,
        after: &Position,
        app: Option<&AppId>,
        limit: u32,
    ) -> Result<Option<Vec<FoundEntitlement>>> {
        let is_of_app = app.is_some();
        let is_by_words =
            prepared.words.is_some() && dialect::tells_words_among(self.is_postgres());
        let step = if is_by_words { STEP_ROWS_OF_WORDS } else { STEP_ROWS };
        let mut args: Vec<Arg<'_>> = after.0.iter().map(Arg::from).collect();
        args.extend(app.map(|app| Arg::from(app.as_str())));
        let row = self.fetch_built(&text::bound(order, is_of_app, step), &args).await?.pop();
        let texts = |row: &Row| (0..after.0.len()).map(|index| row.text(index)).collect();
        let bound: Option<Vec<String>> = row.as_ref().map(texts).transpose()?;
        let way = Way::Along { is_bounded: bound.is_some(), is_of_app, is_by_words: false };
        let rows =
            self.page_by(prepared, way, order, (after, bound.as_deref(), app), limit).await?;
        if bound.is_none() || rows.len() >= limit as usize {
            return Ok(Some(rows));
        }
        if !is_by_words {
            return Ok(None);
        }
        let way = Way::Along { is_bounded: false, is_of_app, is_by_words };
        self.page_by(prepared, way, order, (after, None, app), limit).await.map(Some)
    }

    /// A page through apps in the order of their names, if the first ones fill it or are all.
    async fn along_apps(
        &self,
        prepared: &Prepared<'_>,
        after: &Position,
    ) -> Result<Option<Vec<FoundEntitlement>>> {
        let sql = text::apps(self.is_postgres());
        let args = args![&after.0[0], &after.0[1], &prepared.apps, APPS_ALONG_MAX + 1];
        let rows = self.fetch_built(&sql, args).await?;
        let mut page = Vec::new();
        for (nth, row) in rows.iter().enumerate() {
            if nth == APPS_ALONG_MAX as usize {
                return Ok(None);
            }
            let (name, id) = (row.text(0)?, row.text(1)?);
            let app = row.parsed(1, "app id", |text| AppId::parse(text).ok())?;
            let is_first = (&name, &id) == (&after.0[0], &after.0[1]);
            let start = if is_first { after.0[2..].to_vec() } else { vec![String::new(); 2] };
            let missing = prepared.search.limit - u32::try_from(page.len()).unwrap_or(u32::MAX);
            let of_app =
                self.along(prepared, Order::Name, &Position(start), Some(&app), missing).await?;
            let Some(of_app) = of_app else { return Ok(None) };
            page.extend(of_app.into_iter().map(|found| {
                let position = [name.clone(), id.clone()].into_iter().chain(found.position.0);
                FoundEntitlement { position: Position(position.collect()), ..found }
            }));
            if page.len() >= prepared.search.limit as usize {
                break;
            }
        }
        Ok(Some(page))
    }

    /// A page of all that may hold the words, or of everything, sorted.
    async fn sorted(
        &self,
        prepared: &Prepared<'_>,
        after: &Position,
    ) -> Result<Vec<FoundEntitlement>> {
        let search = prepared.search;
        let everything = Way::Along { is_bounded: false, is_of_app: false, is_by_words: false };
        let way = if prepared.words.is_some() { Way::Words } else { everything };
        self.page_by(prepared, way, search.order, (after, None, None), search.limit).await
    }

    async fn page_by(
        &self,
        prepared: &Prepared<'_>,
        way: Way,
        order: Order,
        (after, bound, app): (&Position, Option<&[String]>, Option<&AppId>),
        limit: u32,
    ) -> Result<Vec<FoundEntitlement>> {
        let is_postgres = self.is_postgres();
        let words = match way {
            Way::Words | Way::Along { is_by_words: true, .. } => prepared.words.as_deref(),
            Way::Along { .. } | Way::Gathered(_) => None,
        };
        let mut args = prepared.filters();
        args.extend(after.0.iter().chain(bound.into_iter().flatten()).map(Arg::from));
        args.extend(app.map(|app| Arg::from(app.as_str())));
        args.extend(words.map(Arg::from));
        args.push(Arg::from(limit));
        let rows = self.fetch_built(&text::page(is_postgres, way, order), &args).await?;
        rows.iter().map(|row| found(row, order)).collect()
    }
}
