//! Between the contract's types (generated) and Grantry's own (`grantry-model`).
//!
//! Plain moves: nothing is judged here. Pages are moved string by string without a copy; what goes
//! to a guest is cloned, because the engine keeps it.

pub(crate) mod aggregate;
pub(crate) mod catalogue;
pub(crate) mod changes;
pub(crate) mod faults;
pub(crate) mod lifecycle;
pub(crate) mod platform;
pub(crate) mod provision;
pub(crate) mod tickets;

/// Moves a list over.
pub(crate) fn all<From, To>(list: Vec<From>, convert: impl FnMut(From) -> To) -> Vec<To> {
    list.into_iter().map(convert).collect()
}

/// Copies a list over.
pub(crate) fn copied<From, To>(list: &[From], convert: impl FnMut(&From) -> To) -> Vec<To> {
    list.iter().map(convert).collect()
}
