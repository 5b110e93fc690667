//! What becomes of entitlements when another attribute is their id (CAT-1).
//!
//! Pure: what there is in, what would change out. The rows' own keys do not move (ADR 12), so nothing
//! that points at an entitlement is touched.

use std::collections::HashMap;

/// An entitlement, with its id as it is and as it would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReKeyed {
    /// The entitlement.
    pub key: String,
    /// What people call it.
    pub display: String,
    /// Its id now.
    pub before: String,
    /// Its value of the new attribute; `None` where it has none.
    pub after: Option<String>,
    /// The id that it keeps where it has none.
    pub native: String,
}

/// What a new id attribute would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReKey {
    /// Entitlements of the type.
    pub entitlements: u64,
    /// Those that get another id.
    pub changed: u64,
    /// Those that share their new id with others: which, by id.
    pub colliding: Vec<(String, Vec<ReKeyed>)>,
    /// Those without a value: they keep the target's own id.
    pub without: Vec<ReKeyed>,
    /// Stands for exactly this change.
    pub hash: String,
}

impl ReKeyed {
    /// The id that it would have.
    pub fn id(&self) -> &str {
        self.after.as_deref().unwrap_or(&self.native)
    }
}

/// What becomes of these entitlements of a type.
pub fn re_key(named: &str, rows: &[ReKeyed]) -> ReKey {
    let mut by_id: HashMap<&str, Vec<&ReKeyed>> = HashMap::with_capacity(rows.len());
    let mut hasher = blake3::Hasher::new_derive_key("grantry re-key of exactly these entitlements");
    let mut add = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    add(named);
    let mut sorted: Vec<&ReKeyed> = rows.iter().collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    for row in &sorted {
        by_id.entry(row.id()).or_default().push(row);
        for text in [row.key.as_str(), row.before.as_str(), row.id()] {
            add(text);
        }
    }
    let of = |(id, rows): (&str, Vec<&ReKeyed>)| {
        (id.to_owned(), rows.into_iter().cloned().collect::<Vec<_>>())
    };
    let mut colliding: Vec<_> =
        by_id.into_iter().filter(|(_, rows)| rows.len() > 1).map(of).collect();
    colliding.sort_by(|a, b| a.0.cmp(&b.0));
    ReKey {
        entitlements: rows.len() as u64,
        changed: rows.iter().filter(|row| row.before != row.id()).count() as u64,
        colliding,
        without: sorted.into_iter().filter(|row| row.after.is_none()).cloned().collect(),
        hash: hasher.finalize().to_hex().to_string(),
    }
}
