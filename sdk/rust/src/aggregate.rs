//! Reading everything, one bounded page a call.

mod budget;

pub use budget::{Budget, LoweredSize};

use crate::bindings::exports::grantry::plugin::aggregate::Guest;
pub use crate::bindings::exports::grantry::plugin::aggregate::{
    Disposition, Page, PageRequest, Scope, Skip, Target,
};
use crate::types::{Error, Object, ObjectRef, Result};

/// Lists the target's objects, entitlements and assignments. The manual is `wit/aggregate.wit`.
pub trait Aggregate {
    /// The page at `request.at`, or the first.
    ///
    /// # Errors
    /// As the target says. Never a short page instead of an error.
    fn read_page(request: PageRequest) -> Result<Page>;

    /// One object as it is now, `None` if the target has none.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless overridden.
    fn get(id: ObjectRef) -> Result<Option<Object>> {
        Err(Error::Unsupported(format!("a single `{}` cannot be read", id.kind)))
    }

    /// How many objects of a kind there are, if the target tells cheaply.
    ///
    /// # Errors
    /// As the target says.
    fn count(kind: String) -> Result<Option<u64>> {
        let _ = kind;
        Ok(None)
    }
}

impl<T: Aggregate> Guest for T {
    fn read_page(request: PageRequest) -> Result<Page> {
        crate::panics::log_them();
        T::read_page(request)
    }

    fn get(id: ObjectRef) -> Result<Option<Object>> {
        crate::panics::log_them();
        T::get(id)
    }

    fn count(kind: String) -> Result<Option<u64>> {
        crate::panics::log_them();
        T::count(kind)
    }
}

impl Page {
    /// A page without rows that is not known to be the last.
    pub fn empty() -> Self {
        Self {
            objects: Vec::new(),
            entitlements: Vec::new(),
            assignments: Vec::new(),
            next: None,
            expected_total: None,
            is_complete: false,
            scope: None,
            skipped: Vec::new(),
        }
    }

    /// A page that says of a scope, for which the host holds a validator, that nothing moved.
    pub fn unchanged(key: impl Into<String>) -> Self {
        let (key, disposition) = (key.into(), Disposition::Unchanged);
        Self { scope: Some(Scope { key, disposition, validator: None }), ..Self::empty() }
    }
}
