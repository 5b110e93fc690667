//! The rules by which accounts are mapped to identities (INT-13).
//!
//! Pure: a rule says what of an account is compared with what of an identity, [`Rule::keys`] makes
//! the texts to compare. Which identity has them is found by the store, for all accounts at once.

use serde::{Deserialize, Serialize};

use crate::catalogue::{Object, Value};
use crate::fault::FieldIssue;
use crate::ids::DataSourceId;

/// Most rules of an integration.
pub const RULES_MAX: usize = 10;
/// Most texts that one rule compares of one account.
pub const KEYS_MAX: usize = 20;
/// Longest text that is compared, in bytes.
const KEY_BYTES_MAX: usize = 512;
/// Longest name of an attribute, in bytes.
const ATTRIBUTE_BYTES_MAX: usize = 200;
/// Longest domain, in bytes (RFC 1035).
const DOMAIN_BYTES_MAX: usize = 253;
/// How targets name the attribute that holds e-mail addresses, without case.
const EMAIL_ATTRIBUTES: [&str; 9] = [
    "email",
    "emails",
    "mail",
    "emailaddress",
    "email_address",
    "primaryemail",
    "primary_email",
    "proxyaddresses",
    "othermails",
];

/// What of an account is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "field", content = "name", rename_all = "snake_case")]
pub enum AccountField {
    /// Its e-mail addresses: the attributes that targets usually keep them in.
    Email,
    /// The name that it signs in with.
    UserName,
    /// Its id in the target.
    NativeId,
    /// All values of the attribute with that name.
    Attribute(String),
}

/// What of an identity it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityField {
    /// The e-mail address.
    Email,
    /// The short login name.
    UserName,
    /// The id in the data source.
    ExternalId,
}

impl IdentityField {
    /// The field's name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::UserName => "user_name",
            Self::ExternalId => "external_id",
        }
    }
}

/// Another domain for the addresses of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct DomainChange {
    pub from: String,
    pub to: String,
}

/// An account whose field equals the identity's, without case and surrounding space, is that
/// identity's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Of the account.
    pub account: AccountField,
    /// Of the identity.
    pub identity: IdentityField,
    /// Only identities of this data source.
    pub data_source: Option<DataSourceId>,
    /// Addresses of one domain are compared as those of another.
    pub domain: Option<DomainChange>,
}

/// The rules of an integration that has none of its own: the e-mail address, then a login name that
/// is an e-mail address. Short login names are not trusted unasked: they name others elsewhere.
pub fn default_rules() -> Vec<Rule> {
    let by =
        |account| Rule { account, identity: IdentityField::Email, data_source: None, domain: None };
    vec![by(AccountField::Email), by(AccountField::UserName)]
}

/// A text as it is compared: in lower case, without surrounding space. `None` where nothing is left,
/// or too much.
pub fn key(text: &str) -> Option<String> {
    let key = text.trim().to_lowercase();
    let fits = !key.is_empty() && key.len() <= KEY_BYTES_MAX && !key.contains('\0');
    fits.then_some(key)
}

impl Rule {
    /// The texts of an account that the rule compares, each once.
    pub fn keys(&self, account: &Object) -> Vec<String> {
        let mut keys = Vec::new();
        let texts: Vec<&str> = match &self.account {
            AccountField::UserName => account.id.name.iter().map(String::as_str).collect(),
            AccountField::NativeId => vec![&account.id.id],
            AccountField::Email => {
                let is_email = |name: &str| EMAIL_ATTRIBUTES.contains(&&*name.to_lowercase());
                texts_of(account, is_email).filter(|text| text.contains('@')).collect()
            }
            AccountField::Attribute(wanted) => texts_of(account, |name| name == wanted).collect(),
        };
        for text in texts.into_iter().filter_map(key) {
            let text = self.in_other_domain(text);
            if !keys.contains(&text) && keys.len() < KEYS_MAX {
                keys.push(text);
            }
        }
        keys
    }

    fn in_other_domain(&self, text: String) -> String {
        let Some(domain) = &self.domain else { return text };
        match text.rsplit_once('@') {
            Some((local, of)) if of == domain.from.to_lowercase() => {
                format!("{local}@{}", domain.to.to_lowercase())
            }
            _ => text,
        }
    }
}

/// All texts of the attributes of which the name is wanted. `proxyAddresses` have a protocol in
/// front, which is no part of the address.
fn texts_of(account: &Object, is_wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = &str> {
    let wanted = account.attributes.iter().filter(move |attribute| is_wanted(&attribute.name));
    wanted.flat_map(|attribute| &attribute.values).filter_map(|value| match value {
        Value::Text(text) | Value::Uuid(text) | Value::Decimal(text) => {
            let scheme = text.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("smtp:"));
            Some(if scheme.is_some() { &text[5..] } else { text })
        }
        _ => None,
    })
}

/// Every fault of an integration's rules, by its place.
pub fn issues(rules: &[Rule]) -> Vec<FieldIssue> {
    let mut issues = Vec::new();
    if rules.len() > RULES_MAX {
        let message = format!("must have at most {RULES_MAX} rules");
        issues.push(issue("/rules".to_owned(), "too_many_rules", message));
    }
    for (position, rule) in rules.iter().enumerate().take(RULES_MAX) {
        let at = |field: &str| format!("/rules/{position}/{field}");
        if rules[..position].contains(rule) {
            issues.push(issue(at("account"), "repeated_rule", "is there already".to_owned()));
        }
        if let AccountField::Attribute(name) = &rule.account
            && (name.trim().is_empty() || name.len() > ATTRIBUTE_BYTES_MAX)
        {
            let message = format!("must have 1 to {ATTRIBUTE_BYTES_MAX} bytes");
            issues.push(issue(at("attribute"), "invalid_string", message));
        }
        for (field, domain) in rule
            .domain
            .iter()
            .flat_map(|domain| [(at("domain/from"), &domain.from), (at("domain/to"), &domain.to)])
        {
            let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '@';
            if domain.is_empty() || domain.len() > DOMAIN_BYTES_MAX || !domain.chars().all(is_plain)
            {
                let message = "must be a domain, such as `a.example`".to_owned();
                issues.push(issue(field, "invalid_string", message));
            }
        }
    }
    issues
}

fn issue(path: String, code: &str, message: String) -> FieldIssue {
    FieldIssue { path, code: code.to_owned(), message }
}

/// Who says whose an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The integration's rules.
    Rule,
    /// A person. Rules and syncs leave it as it is.
    Hand,
}

impl Origin {
    /// The origin's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Hand => "hand",
        }
    }

    /// The origin of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Rule, Self::Hand].into_iter().find(|origin| origin.name() == name)
    }
}

/// Why an account is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unmapped {
    /// No rule finds an identity.
    NoMatch,
    /// A rule finds more than one.
    Ambiguous,
    /// A person said so.
    ByHand,
}

impl Unmapped {
    /// The reason's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoMatch => "no_match",
            Self::Ambiguous => "ambiguous",
            Self::ByHand => "by_hand",
        }
    }

    /// The reason of that name.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::NoMatch, Self::Ambiguous, Self::ByHand];
        all.into_iter().find(|reason| reason.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Attribute, Completeness, ObjectId, ObjectStatus};

    fn account(name: &str, attributes: &[(&str, &[&str])]) -> Object {
        let attribute = |(name, values): &(&str, &[&str])| Attribute {
            name: (*name).to_owned(),
            values: values.iter().map(|text| Value::Text((*text).to_owned())).collect(),
            completeness: Completeness::Complete,
        };
        Object {
            id: ObjectId {
                kind: "User".to_owned(),
                id: "7".to_owned(),
                name: Some(name.to_owned()),
                aliases: Vec::new(),
                parent: None,
                etag: None,
            },
            display: None,
            description: None,
            status: ObjectStatus::Enabled,
            attributes: attributes.iter().map(attribute).collect(),
            created_ms: None,
            last_used_ms: None,
        }
    }

    #[test]
    fn addresses_are_compared_without_case_and_space_and_each_once() {
        let [email, user_name] = &default_rules()[..] else { panic!("two default rules") };
        let ada = account(" Ada@X.example ", &[("emails", &["ADA@x.example", "ada@x.example "])]);
        assert_eq!(email.keys(&ada), ["ada@x.example"]);
        assert_eq!(user_name.keys(&ada), ["ada@x.example"]);
        let none = account("  ", &[("mail", &["no address", ""]), ("other", &["a@x.example"])]);
        assert_eq!((email.keys(&none), user_name.keys(&none)), (Vec::new(), Vec::new()));
        let proxy = account("x", &[("proxyAddresses", &["SMTP:ada@x.example", "sip:1@x", "x"])]);
        assert_eq!(email.keys(&proxy), ["ada@x.example", "sip:1@x"]);
    }

    #[test]
    fn a_domain_is_changed_only_where_it_is_the_whole_domain() {
        let domain = DomainChange { from: "Old.example".to_owned(), to: "New.example".to_owned() };
        let rule = Rule { domain: Some(domain), ..default_rules().remove(0) };
        let emails: &[&str] = &["ada@old.example", "bob@x.old.example", "cy@old.example@z"];
        assert_eq!(
            rule.keys(&account("x", &[("mail", emails)])),
            ["ada@new.example", "bob@x.old.example", "cy@old.example@z"]
        );
    }

    #[test]
    fn more_values_than_are_compared_are_left_out() {
        let values: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let attribute = AccountField::Attribute("number".to_owned());
        let rule = Rule { account: attribute, ..default_rules().remove(0) };
        assert_eq!(rule.keys(&account("x", &[("number", &values)])).len(), KEYS_MAX);
    }

    #[test]
    fn every_fault_of_rules_is_told_by_its_place() {
        let [email, _] = &default_rules()[..] else { panic!("two default rules") };
        let nameless = Rule { account: AccountField::Attribute(" ".to_owned()), ..email.clone() };
        let at = DomainChange { from: "a@b".to_owned(), to: String::new() };
        let domain = Rule { domain: Some(at), ..email.clone() };
        let paths: Vec<String> = issues(&[email.clone(), nameless, domain, email.clone()])
            .into_iter()
            .map(|issue| issue.path)
            .collect();
        let expected = [
            "/rules/1/attribute",
            "/rules/2/domain/from",
            "/rules/2/domain/to",
            "/rules/3/account",
        ];
        assert_eq!(paths, expected);
        assert_eq!(issues(&vec![email.clone(); 11])[0].code, "too_many_rules");
        assert!(issues(&default_rules()).is_empty());
    }
}
