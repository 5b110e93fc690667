//! The scripted directory's scopes: whole listings, or the members of one group, with validators.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use grantry_model::catalogue::{Disposition, Page, PageRequest, Scope, Target};
use grantry_model::fault::Fault;

use crate::scripted::{Directory, assignment};

/// By what parts of listings are validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scopes {
    #[default]
    None,
    /// Each listing is a scope.
    Listings,
    /// The members of each group are a scope; all other listings have none.
    Groups,
}

/// A scope up to a page of it; the last one tells what it is validated by.
fn scope(key: &str, content: &str, is_last: bool) -> Scope {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    let validator = is_last.then(|| format!("{:x}", hasher.finish()));
    Scope { key: key.to_owned(), disposition: Disposition::Fresh, validator }
}

/// The scope as unchanged, if the host has its validator.
fn unchanged(validators: &HashMap<String, String>, key: &str, content: &str) -> Option<Scope> {
    let whole = scope(key, content, true);
    let is_so = validators.get(key) == whole.validator.as_ref();
    is_so.then_some(Scope { disposition: Disposition::Unchanged, validator: None, ..whole })
}

impl Directory {
    /// A page of the listing, or the word that its scope is unchanged.
    pub fn scoped_page(
        &mut self,
        request: &PageRequest,
        validators: &HashMap<String, String>,
    ) -> Result<Page, Fault> {
        let mut page = self.honest_page(request, validators)?;
        if let (Some(lie), Some(scope)) = (self.scope_lie, &mut page.scope) {
            lie(scope);
        }
        Ok(page)
    }

    fn honest_page(
        &mut self,
        request: &PageRequest,
        validators: &HashMap<String, String>,
    ) -> Result<Page, Fault> {
        match (self.scopes, &request.target) {
            (Scopes::Listings, target) => {
                let content = self.content(target);
                let found = unchanged(validators, "all", &content);
                if let Some(found) = found.filter(|_| request.at.is_none()) {
                    let nothing = self.nothing(request)?;
                    return Ok(Page { scope: Some(found), is_complete: true, ..nothing });
                }
                let page = self.page(request)?;
                Ok(Page { scope: Some(scope("all", &content, page.is_complete)), ..page })
            }
            (Scopes::Groups, Target::AssignmentsOfKind(_)) => {
                self.page_of_group(request, validators)
            }
            _ => self.page(request),
        }
    }

    fn content(&self, target: &Target) -> String {
        match target {
            Target::Objects(kind) if kind == "User" => format!("{:?}", self.users),
            Target::AssignmentsOfKind(_) => format!("{:?}", self.members),
            _ => format!("{:?}", self.groups),
        }
    }

    /// A page without rows, or the fault that the next one has.
    fn nothing(&mut self, request: &PageRequest) -> Result<Page, Fault> {
        let at = Some(u32::MAX.to_string().into_bytes());
        self.page(&PageRequest { at, ..request.clone() })
    }

    /// The members of one group after another.
    fn page_of_group(
        &mut self,
        request: &PageRequest,
        validators: &HashMap<String, String>,
    ) -> Result<Page, Fault> {
        let at = request.at.clone().unwrap_or_else(|| b"0/0".to_vec());
        let at = String::from_utf8(at).unwrap();
        let (index, from) = at.split_once('/').unwrap();
        let (index, from): (usize, usize) = (index.parse().unwrap(), from.parse().unwrap());
        let mut page = self.nothing(request)?;
        let Some(group) = self.groups.keys().nth(index) else { return Ok(page) };
        let of: Vec<_> = self.members.iter().filter(|(of, _)| of == group).collect();
        let (content, end) = (format!("{of:?}"), from + self.page_items);
        let found = unchanged(validators, group, &content).filter(|_| from == 0);
        let is_last = found.is_some() || end >= of.len();
        if found.is_none() {
            let rows = of.iter().skip(from).take(self.page_items);
            page.assignments = rows.map(|(group, user)| assignment(group, user)).collect();
        }
        page.scope = Some(found.unwrap_or_else(|| scope(group, &content, is_last)));
        page.is_complete = is_last && index + 1 >= self.groups.len();
        page.next = (!page.is_complete).then(|| {
            let (index, from) = if is_last { (index + 1, 0) } else { (index, end) };
            format!("{index}/{from}").into_bytes()
        });
        Ok(page)
    }
}
