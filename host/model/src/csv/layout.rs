//! What the columns of a list mean, and what one line of it says.
//!
//! docs/csv.md tells it to people. A column that is not known is an attribute of the person.

use super::person::{Draft, ListedPerson};
use super::{LineError, Record};
use crate::catalogue::NATIVE_ID_BYTES_MAX;
use crate::text;

/// Most columns.
const COLUMNS_MAX: usize = 100;
/// What every line of a members list without a column `roles` gives.
pub const ROLE_OF_EVERY_MEMBER: &str = "member";

/// Which list a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListKind {
    /// The people of a data source.
    Users,
    /// The accounts of an app with their roles.
    Members,
    /// The entitlements of an app (CAT-7).
    Entitlements,
}

impl ListKind {
    /// All of them.
    const ALL: [Self; 3] = [Self::Users, Self::Members, Self::Entitlements];

    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Members => "members",
            Self::Entitlements => "entitlements",
        }
    }

    /// The list of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The columns of a template.
    pub fn template(self) -> Vec<String> {
        let columns: &[&str] = match self {
            Self::Users => &[
                "external_id",
                "user_name",
                "email",
                "display_name",
                "active",
                "manager_external_id",
            ],
            Self::Members => &["user_name", "email", "display_name", "active", "roles"],
            Self::Entitlements => &["id", "name", "displayName", "description", "parentId"],
        };
        columns.iter().map(|&column| column.to_owned()).collect()
    }
}

/// What a column means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    ExternalId,
    UserName,
    Email,
    DisplayName,
    Active,
    Manager,
    Roles,
    Description,
    Attribute,
}

impl Column {
    /// What a column of that name, folded, means in a list.
    pub(super) fn of(kind: ListKind, name: &str) -> Option<Self> {
        match kind {
            ListKind::Entitlements => Self::of_entitlements(name),
            ListKind::Users => Self::of_people(name).filter(|column| *column != Self::Roles),
            ListKind::Members => Self::of_people(name).filter(|column| *column != Self::Manager),
        }
    }

    fn of_entitlements(name: &str) -> Option<Self> {
        Some(match name {
            "id" => Self::ExternalId,
            "name" => Self::UserName,
            "displayname" | "display_name" => Self::DisplayName,
            "description" => Self::Description,
            "parentid" | "parent_id" => Self::Manager,
            _ => return None,
        })
    }

    fn of_people(name: &str) -> Option<Self> {
        Some(match name {
            "external_id" => Self::ExternalId,
            "user_name" => Self::UserName,
            "email" => Self::Email,
            "display_name" => Self::DisplayName,
            "active" => Self::Active,
            "manager_external_id" => Self::Manager,
            "roles" => Self::Roles,
            _ => return None,
        })
    }

    /// Names of things must fit the catalogue's keys.
    fn bytes_max(self) -> usize {
        match self {
            Self::ExternalId | Self::UserName | Self::Email | Self::DisplayName | Self::Manager => {
                NATIVE_ID_BYTES_MAX
            }
            Self::Active | Self::Roles | Self::Description | Self::Attribute => {
                super::CELL_BYTES_MAX
            }
        }
    }
}

/// The columns of one file.
#[derive(Debug, Clone)]
pub struct Layout {
    kind: ListKind,
    columns: Vec<(Column, String)>,
    /// The column that names the person.
    key: Column,
}

impl Layout {
    /// Reads the first record of a file.
    pub fn read(kind: ListKind, header: &Record<'_>) -> Result<Self, Vec<LineError>> {
        let mut errors = Vec::new();
        let mut columns: Vec<(Column, String)> = Vec::new();
        let mut seen = Vec::new();
        if header.len() > COLUMNS_MAX {
            let message = format!("a list has at most {COLUMNS_MAX} columns");
            return Err(vec![LineError::new(header.line, None, "too_many_columns", message)]);
        }
        for (index, cell) in header.cells().enumerate() {
            let mut refuse = |column: &str, code: &str, message: String| {
                errors.push(LineError::new(header.line, Some(column), code, message));
            };
            let number = (index + 1).to_string();
            let Ok(name) = std::str::from_utf8(cell) else {
                refuse(&number, "not_utf8", NOT_UTF8.to_owned());
                continue;
            };
            let name = name.trim();
            if let Err(error) = text::check_name(name) {
                refuse(&number, "invalid_header", format!("the column's name {error}"));
                continue;
            }
            let plain = folded(name);
            if seen.contains(&plain) {
                let message = format!("the column `{name}` is there twice");
                refuse(name, "duplicate_header", message);
                continue;
            }
            match Column::of(kind, &plain) {
                Some(column) if columns.iter().any(|(other, _)| *other == column) => {
                    let message = format!("the column `{name}` is there under two names");
                    refuse(name, "duplicate_header", message);
                }
                // Known under its own name, also in a file that comes back.
                Some(column) if kind == ListKind::Entitlements => {
                    columns.push((column, name.to_owned()));
                }
                Some(column) => columns.push((column, plain.clone())),
                None => columns.push((Column::Attribute, name.to_owned())),
            }
            seen.push(plain);
        }
        let has = |column: Column| columns.iter().any(|(other, _)| *other == column);
        let keys: &[Column] = match kind {
            ListKind::Users | ListKind::Entitlements => &[Column::ExternalId],
            ListKind::Members => &[Column::ExternalId, Column::UserName, Column::Email],
        };
        let required: &[Column] = match kind {
            ListKind::Users | ListKind::Members => &[],
            ListKind::Entitlements => &[Column::UserName, Column::DisplayName, Column::Description],
        };
        let is_whole = required.iter().all(|column| has(*column));
        let key = keys.iter().copied().find(|key| has(*key) && is_whole);
        match key {
            Some(key) if errors.is_empty() => Ok(Self { kind, columns, key }),
            Some(_) => Err(errors),
            None => {
                errors.push(missing_header(kind, header.line));
                Err(errors)
            }
        }
    }

    /// The columns' names, as they are kept.
    pub fn columns(&self) -> Vec<String> {
        self.columns.iter().map(|(_, name)| name.clone()).collect()
    }

    /// The column that names what is above an entitlement.
    pub fn parent_column(&self) -> Option<String> {
        let named = self.columns.iter().find(|(column, _)| *column == Column::Manager);
        named.map(|(_, name)| name.clone())
    }

    /// Reads one line.
    pub fn person(&self, record: &Record<'_>) -> Result<ListedPerson, Vec<LineError>> {
        let line = record.line;
        if record.len() != self.columns.len() {
            let (found, wanted) = (record.len(), self.columns.len());
            let message = format!("the line has {found} cells, the header has {wanted}");
            return Err(vec![LineError::new(line, None, "ragged_row", message)]);
        }
        let mut draft = Draft::default();
        let mut errors = Vec::new();
        for ((column, name), cell) in self.columns.iter().zip(record.cells()) {
            let read = check_cell(*column, cell)
                .and_then(|text| check_words(self.kind, *column, text))
                .and_then(|text| draft.put(*column, name, text));
            if let Err((code, message)) = read {
                errors.push(LineError::new(line, Some(name), code, message));
            }
        }
        let key = match self.key {
            Column::UserName => &draft.user_name,
            Column::Email => &draft.email,
            _ => &draft.external_id,
        };
        let Some(external_id) = key.clone() else {
            if errors.is_empty() {
                let named = self.columns.iter().find(|(column, _)| *column == self.key);
                let column = named.map(|(_, name)| name.as_str());
                let message = match self.kind {
                    ListKind::Users | ListKind::Members => "must not be empty: it names the person",
                    ListKind::Entitlements => "must not be empty: it names the entitlement",
                };
                errors.push(LineError::new(line, column, "required", message));
            }
            return Err(errors);
        };
        if !errors.is_empty() {
            return Err(errors);
        }
        let has_roles = self.columns.iter().any(|(column, _)| *column == Column::Roles);
        if self.kind == ListKind::Members && !has_roles {
            draft.roles = vec![ROLE_OF_EVERY_MEMBER.to_owned()];
        }
        Ok(draft.person(external_id))
    }
}

const NOT_UTF8: &str = "is not UTF-8: save the file as UTF-8";

/// A column's name, as it is compared.
pub(super) fn folded(name: &str) -> String {
    name.to_lowercase().replace([' ', '-'], "_")
}

/// Words of an entitlement stand in requests, mails and tickets: a name is there and plain.
fn check_words(kind: ListKind, column: Column, text: &str) -> Result<&str, Refused> {
    let is_word = matches!(column, Column::UserName | Column::DisplayName | Column::Description);
    if kind != ListKind::Entitlements || !is_word {
        return Ok(text);
    }
    if column == Column::UserName && text.trim().is_empty() {
        return Err(("required", "must not be empty: it is the entitlement's name".to_owned()));
    }
    match text.chars().find(|&c| text::is_emoji(c)) {
        Some(c) => Err(("emoji", format!("must not hold the emoji U+{:04X}", c as u32))),
        None => Ok(text),
    }
}

/// What to say where the column is missing that names the person.
fn missing_header(kind: ListKind, line: u64) -> LineError {
    let message = match kind {
        ListKind::Users => {
            "the first line names the columns, with commas between them: `external_id` is missing"
        }
        ListKind::Members => {
            "the first line names the columns, with commas between them: one of `external_id`, \
             `user_name` and `email` is missing"
        }
        ListKind::Entitlements => {
            "the first line names the columns, with commas between them: `id`, `name`, \
             `displayName` and `description` have to be there"
        }
    };
    LineError::new(line, None, "missing_header", message)
}

/// Why a cell is refused: code and words.
pub(super) type Refused = (&'static str, String);

fn check_cell(column: Column, cell: &[u8]) -> Result<&str, Refused> {
    let max = column.bytes_max();
    if cell.len() > max {
        return Err(("too_long", format!("must have at most {max} bytes")));
    }
    let text = std::str::from_utf8(cell).map_err(|_| ("not_utf8", NOT_UTF8.to_owned()))?;
    text::check_cell(text).map_err(|error| ("invalid_string", error.to_string()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::Reader;
    use super::*;

    /// The people of a file, or the codes of its errors with their lines.
    fn read(kind: ListKind, text: &[u8]) -> Result<Vec<ListedPerson>, Vec<(u64, String)>> {
        let (mut layout, mut people, mut errors) = (None, Vec::new(), Vec::new());
        let mut each = |record: Record<'_>| {
            let read = match &layout {
                None => Layout::read(kind, &record).map(|read| layout = Some(read)),
                Some(layout) => layout.person(&record).map(|person| people.push(person)),
            };
            errors.extend(read.err().into_iter().flatten());
        };
        let mut reader = Reader::default();
        reader.feed(text, &mut each).unwrap();
        reader.finish(&mut each).unwrap();
        if errors.is_empty() {
            return Ok(people);
        }
        Err(errors.into_iter().map(|error| (error.line, error.code)).collect())
    }

    #[test]
    fn a_line_becomes_a_person() {
        let text = b"External ID,Email,active,Department\n7,ada@x.example,No,=1+1\n8,,,\n";
        let people = read(ListKind::Users, text).unwrap();
        let ada = &people[0];
        assert_eq!((ada.external_id.as_str(), ada.is_active), ("7", false));
        assert_eq!(ada.display_name, "ada@x.example");
        assert_eq!(ada.attributes["Department"], "=1+1");
        assert_eq!((people[1].display_name.as_str(), people[1].is_active), ("8", true));
        assert!(people[1].attributes.is_empty());
    }

    #[test]
    fn the_best_column_at_hand_names_a_member_who_may_have_several_roles() {
        let text = b"email,user_name,roles\na@x.example,ada, Admin ;Audit;;Admin\n";
        let people = read(ListKind::Members, text).unwrap();
        assert_eq!(people[0].external_id, "ada");
        assert_eq!(people[0].roles, ["Admin", "Audit"]);
        let people = read(ListKind::Members, b"email\na@x.example\n").unwrap();
        assert_eq!(people[0].roles, ["member"]);
    }

    #[test]
    fn a_line_becomes_an_entitlement_and_is_written_as_it_came() {
        let text = b"id,Name,displayName,description,parentId,Owner\nr1,reader,Read,All,r0,Ada\n";
        let lines = read(ListKind::Entitlements, text).unwrap();
        let entitlement = super::super::ListedEntitlement::from(&lines[0]);
        assert_eq!((entitlement.name.as_str(), entitlement.display.as_str()), ("reader", "Read"));
        assert_eq!(entitlement.description.as_deref(), Some("All"));
        assert_eq!(entitlement.parent_id.as_deref(), Some("r0"));
        assert_eq!(ListedPerson::from(entitlement), lines[0]);
        let cell = |column| lines[0].cell(ListKind::Entitlements, column);
        let cells = ["id", "Name", "displayName", "description", "parentId", "Owner"].map(cell);
        assert_eq!(cells, ["r1", "reader", "Read", "All", "r0", "Ada"]);
    }

    #[test]
    fn an_entitlement_without_a_name_or_with_an_emoji_is_refused() {
        let faults = |text: &str| read(ListKind::Entitlements, text.as_bytes()).unwrap_err();
        let header = "id,name,displayName,description\n";
        let told = |line, code: &str| vec![(line, code.to_owned())];
        assert_eq!(faults("id,name\n"), told(1, "missing_header"));
        assert_eq!(
            faults("id,name,displayName,description,display name\n"),
            told(1, "duplicate_header")
        );
        assert_eq!(faults(&format!("{header}1,,x,y\n")), told(2, "required"));
        assert_eq!(faults(&format!("{header},n,x,y\n")), told(2, "required"));
        for line in ["1,n😀,x,y", "1,n,x☀,y", "1,n,x,5️⃣"] {
            assert_eq!(faults(&format!("{header}{line}\n")), told(2, "emoji"), "{line}");
        }
    }

    #[test]
    fn every_fault_of_a_header_or_a_line_has_its_code() {
        let faults = |text: &[u8]| read(ListKind::Users, text).unwrap_err();
        let told = |line, code: &str| vec![(line, code.to_owned())];
        assert_eq!(faults(b"name,email\n"), told(1, "missing_header"));
        assert_eq!(faults(b"external_id,a,A\n"), told(1, "duplicate_header"));
        assert_eq!(faults(b"external_id,\n"), told(1, "invalid_header"));
        assert_eq!(faults(b"external_id,a\n1\n"), told(2, "ragged_row"));
        assert_eq!(faults(b"external_id,a\n1,\0\n"), told(2, "invalid_string"));
        assert_eq!(faults(b"external_id,a\n1,\xe9\n"), told(2, "not_utf8"));
        assert_eq!(faults(b"external_id,a\n,x\n"), told(2, "required"));
        assert_eq!(faults(b"external_id,active\n1,perhaps\n"), told(2, "invalid_value"));
        let long = format!("external_id\n{}\n", "x".repeat(NATIVE_ID_BYTES_MAX + 1));
        assert_eq!(faults(long.as_bytes()), told(2, "too_long"));
        let many = format!("external_id{}\n", ",a".repeat(COLUMNS_MAX));
        assert_eq!(faults(many.as_bytes()), told(1, "too_many_columns"));
    }
}
