//! Counts what still fits into a page: the host refuses a page that is larger than it asked for.

use super::PageRequest;
use crate::types::{Assignment, Attribute, Entitlement, Object, ObjectRef, Value};

/// What is left of `max-items` and `max-bytes`.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    items_left: usize,
    bytes_left: usize,
}

impl Budget {
    /// The whole of a request, less a small part for the page itself and its cursor.
    pub fn of(request: &PageRequest) -> Self {
        Self {
            items_left: request.max_items as usize,
            bytes_left: request.max_bytes as usize / 10 * 9,
        }
    }

    /// Takes the row's share and says whether it fits. The first row that does not ends the page.
    pub fn takes(&mut self, row: &impl LoweredSize) -> bool {
        let bytes = row.lowered_size();
        if self.items_left == 0 || bytes > self.bytes_left {
            return false;
        }
        self.items_left -= 1;
        self.bytes_left -= bytes;
        true
    }

    /// How many rows may still come.
    pub fn items_left(&self) -> usize {
        self.items_left
    }
}

/// About how many bytes a row takes in the guest's memory when it is handed over; rather too many.
pub trait LoweredSize {
    /// The fixed part and everything that it points to.
    fn lowered_size(&self) -> usize;
}

impl LoweredSize for Object {
    fn lowered_size(&self) -> usize {
        let id = &self.id;
        let texts = [&id.name, &id.etag, &self.display, &self.description];
        size_of::<Self>()
            + id.kind.len()
            + id.id.len()
            + texts.into_iter().flatten().map(String::len).sum::<usize>()
            + id.aliases.iter().map(|alias| alias.len() + size_of::<String>()).sum::<usize>()
            + id.parent.as_ref().map_or(0, reference_size)
            + attributes_size(&self.attributes)
    }
}

impl LoweredSize for Entitlement {
    fn lowered_size(&self) -> usize {
        size_of::<Self>()
            + [&self.id, &self.kind, &self.slug, &self.display]
                .map(String::len)
                .iter()
                .sum::<usize>()
            + reference_size(&self.on)
            + self.description.as_ref().map_or(0, String::len)
            + self.grantable_to.iter().map(|kind| kind.len() + size_of::<String>()).sum::<usize>()
            + self.exclusive.as_ref().map_or(0, |exclusive| exclusive.group.len())
            + attributes_size(&self.attributes)
    }
}

impl LoweredSize for Assignment {
    fn lowered_size(&self) -> usize {
        let expansion = self.expansion.as_ref().map_or(0, |expansion| {
            let texts = expansion.entitlements.iter().chain(&expansion.kinds);
            texts.map(|text| text.len() + size_of::<String>()).sum()
        });
        size_of::<Self>()
            + self.entitlement.len()
            + reference_size(&self.holder)
            + [&self.id, &self.origin].into_iter().flatten().map(String::len).sum::<usize>()
            + expansion
            + attributes_size(&self.attributes)
    }
}

fn reference_size(reference: &ObjectRef) -> usize {
    reference.kind.len() + reference.id.len()
}

fn attributes_size(attributes: &[Attribute]) -> usize {
    let one = |attribute: &Attribute| {
        let values: usize = attribute.values.iter().map(value_size).sum();
        size_of::<Attribute>() + attribute.name.len() + values
    };
    attributes.iter().map(one).sum()
}

fn value_size(value: &Value) -> usize {
    let heap = match value {
        Value::Text(text)
        | Value::Decimal(text)
        | Value::Date(text)
        | Value::Uuid(text)
        | Value::Json(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Reference(reference) => reference_size(reference),
        Value::Boolean(_) | Value::Integer(_) | Value::Real(_) | Value::TimestampMs(_) => 0,
    };
    size_of::<Value>() + heap
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Target;

    fn request(max_items: u32, max_bytes: u32) -> PageRequest {
        let target = Target::Objects("User".into());
        PageRequest { run_id: "r".into(), target, at: None, max_items, max_bytes }
    }

    #[test]
    fn a_page_ends_at_max_items() {
        let mut budget = Budget::of(&request(2, 1 << 20));
        let user = Object::new("User", "1");
        assert_eq!([(); 3].map(|()| budget.takes(&user)), [true, true, false]);
    }

    #[test]
    fn a_page_ends_before_max_bytes() {
        let mut budget = Budget::of(&request(1000, 10_000));
        let mut user = Object::new("User", "1");
        user.attributes.push(Attribute::text("photo", "x".repeat(4_000)));
        assert_eq!([(); 3].map(|()| budget.takes(&user)), [true, true, false]);
    }
}
