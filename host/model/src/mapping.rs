//! The rules by which accounts are mapped to identities (INT-13).
//!
//! Pure: a rule says what of an account is compared with what of an identity, [`Rule::keys`] makes
//! the texts to compare, the store finds who has them, and [`judge`] says what follows. What an account
//! tells of itself may find it an owner, never another one: people can change it themselves.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::catalogue::{Object, Value};
use crate::fault::FieldIssue;
use crate::ids::{DataSourceId, IdentityId};

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
/// How targets name the attribute that holds an account's own e-mail addresses, without case. Not
/// those of further addresses that people often fill by themselves (`otherMails`, `proxyAddresses`).
const EMAIL_ATTRIBUTES: [&str; 7] =
    ["email", "emails", "mail", "emailaddress", "email_address", "primaryemail", "primary_email"];

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
    /// A person who administers. Rules and syncs leave it as it is.
    Hand,
    /// Whoever had it, and gave it up: it is nobody's. Rules and syncs leave it as it is.
    Own,
}

impl Origin {
    /// The origin's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Hand => "hand",
            Self::Own => "own",
        }
    }

    /// The origin of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Rule, Self::Hand, Self::Own].into_iter().find(|origin| origin.name() == name)
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
    /// A rule finds an identity that has an account there already.
    SecondAccount,
    /// The identity is gone from its data source; it is theirs again if they come back.
    IdentityGone,
}

impl Unmapped {
    /// The reason's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoMatch => "no_match",
            Self::Ambiguous => "ambiguous",
            Self::ByHand => "by_hand",
            Self::SecondAccount => "second_account",
            Self::IdentityGone => "identity_gone",
        }
    }

    /// The reason of that name.
    pub fn parse(name: &str) -> Option<Self> {
        let all =
            [Self::NoMatch, Self::Ambiguous, Self::ByHand, Self::SecondAccount, Self::IdentityGone];
        all.into_iter().find(|reason| reason.name() == name)
    }
}

/// What the rules say that takes a person's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proposal {
    /// The account is somebody's, and the rules find this other identity.
    AnotherIdentity(IdentityId),
    /// The account is somebody's, and the rules find several identities.
    Ambiguous,
    /// The account is nobody's, and the rules find this identity, which has one of that kind already,
    /// or would get several at once.
    SecondAccount(IdentityId),
    /// The account is nobody's, and one of several identities that the rules find says that it is
    /// theirs (INT-7).
    Claimed(IdentityId),
}

impl Proposal {
    /// The proposal's name on the wire and in the database.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AnotherIdentity(_) => "another_identity",
            Self::Ambiguous => "ambiguous",
            Self::SecondAccount(_) => "second_account",
            Self::Claimed(_) => "claimed",
        }
    }

    /// Whose the account would be.
    pub fn identity(&self) -> Option<&IdentityId> {
        match self {
            Self::AnotherIdentity(identity)
            | Self::SecondAccount(identity)
            | Self::Claimed(identity) => Some(identity),
            Self::Ambiguous => None,
        }
    }

    /// The proposal of that name, about that identity.
    pub fn parse(name: &str, identity: Option<IdentityId>) -> Option<Self> {
        match (name, identity) {
            ("another_identity", Some(identity)) => Some(Self::AnotherIdentity(identity)),
            ("second_account", Some(identity)) => Some(Self::SecondAccount(identity)),
            ("claimed", Some(identity)) => Some(Self::Claimed(identity)),
            ("ambiguous", None) => Some(Self::Ambiguous),
            _ => None,
        }
    }
}

/// Whom the first rule finds that finds anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The rule, counted from 0.
    pub rule: u32,
    /// At least one.
    pub identities: BTreeSet<IdentityId>,
}

/// What the rules say of an account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Whose it is.
    pub identity: Option<IdentityId>,
    /// The rule that decided.
    pub rule: Option<u32>,
    /// Why it is nobody's.
    pub reason: Option<Unmapped>,
    /// What it would be with a person's word.
    pub proposal: Option<Proposal>,
}

impl Verdict {
    fn nobodys(reason: Unmapped, rule: Option<u32>) -> Self {
        Self { rule, reason: Some(reason), ..Self::default() }
    }

    /// The same with a claim that was made before, as long as the rules find the claimant among others.
    pub fn with_claim(self, before: Option<&Proposal>, found: Option<&Found>) -> Self {
        match (before, found) {
            (Some(Proposal::Claimed(by)), Some(found))
                if self.reason == Some(Unmapped::Ambiguous) && found.identities.contains(by) =>
            {
                Self { proposal: Some(Proposal::Claimed(by.clone())), ..self }
            }
            _ => self,
        }
    }

    /// The same, where the identity is not to get the account without a person's word.
    pub fn as_second(self) -> Self {
        match self.identity {
            Some(identity) => Self {
                proposal: Some(Proposal::SecondAccount(identity)),
                ..Self::nobodys(Unmapped::SecondAccount, self.rule)
            },
            None => self,
        }
    }
}

/// Whose an account is that was a living identity's by a rule, or nobody's. It loses an owner whom no
/// rule finds any more; it gets another one only where a person `accepts` that.
pub fn judge(
    was: (Option<&IdentityId>, Option<u32>),
    found: Option<&Found>,
    accepts: bool,
) -> Verdict {
    let (was, was_rule) = was;
    let Some(found) = found else { return Verdict::nobodys(Unmapped::NoMatch, None) };
    let only = found.identities.first().filter(|_| found.identities.len() == 1);
    let rule = Some(found.rule);
    match (was, only) {
        (None, Some(only)) => Verdict { identity: Some(only.clone()), rule, ..Verdict::default() },
        (None, None) => Verdict::nobodys(Unmapped::Ambiguous, rule),
        (Some(was), Some(only)) if was == only => {
            Verdict { identity: Some(was.clone()), rule, ..Verdict::default() }
        }
        (Some(_), _) if accepts => judge((None, None), Some(found), accepts),
        (Some(was), only) => {
            let another = |only: &IdentityId| Proposal::AnotherIdentity(only.clone());
            let proposal = only.map_or(Proposal::Ambiguous, another);
            let (identity, proposal) = (Some(was.clone()), Some(proposal));
            Verdict { identity, rule: was_rule, reason: None, proposal }
        }
    }
}

/// What a person says about an account of their own (INT-7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnWord {
    /// It is mine.
    Claim,
    /// It is not mine.
    GiveUp,
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnOutcome {
    /// It is as said already, or the rules have found the person and what they made of it stands.
    Same,
    /// The account, which was given up, is left to the rules again. They find this person alone.
    Released,
    /// An administrator has the last word, because the rules find several.
    Waits(IdentityId),
    /// The account is nobody's from now on.
    GivenUp,
    /// The claim that waited is taken back.
    TakenBack,
}

/// Why nothing comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnRefusal {
    /// Nothing connects the account with the person.
    Unknown,
    /// It is somebody else's, or somebody else claims it, or an administrator said whose it is.
    Taken,
    /// Several of the person's identities fit, or not the one that they name.
    WhichIdentity,
}

/// What an account of somebody is.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Held<'a> {
    /// Also one that is gone.
    pub identity: Option<&'a IdentityId>,
    pub origin: Origin,
    pub proposal: Option<&'a Proposal>,
}

/// What comes of what a person says who is these `own` identities. No word maps an account by itself, and
/// none outlives what the rules find: access that is requested follows the mapping.
pub fn judge_own(
    word: OwnWord,
    held: Held<'_>,
    found: Option<&Found>,
    own: &BTreeSet<IdentityId>,
    named: Option<&IdentityId>,
) -> Result<OwnOutcome, OwnRefusal> {
    let is_said = held.origin == Origin::Hand;
    let is_own = held.identity.is_some_and(|identity| own.contains(identity));
    let claimant = match held.proposal {
        Some(Proposal::Claimed(by)) => Some(by),
        _ => None,
    };
    let is_claimant = claimant.is_some_and(|by| own.contains(by));
    let found = found.map(|found| &found.identities).filter(|found| !found.is_disjoint(own));
    match (word, found) {
        (OwnWord::Claim, _) if is_own => match named.is_none_or(|it| held.identity == Some(it)) {
            true => Ok(OwnOutcome::Same),
            false => Err(OwnRefusal::WhichIdentity),
        },
        (OwnWord::GiveUp, _) if is_own && is_said => Err(OwnRefusal::Taken),
        (OwnWord::GiveUp, _) if is_own => Ok(OwnOutcome::GivenUp),
        (OwnWord::GiveUp, _) if is_claimant => Ok(OwnOutcome::TakenBack),
        (_, None) => Err(OwnRefusal::Unknown),
        (_, Some(_)) if held.identity.is_some() || is_said => Err(OwnRefusal::Taken),
        (OwnWord::GiveUp, Some(_)) => Ok(OwnOutcome::Same),
        // Somebody else's claim counts as long as the rules find them.
        (OwnWord::Claim, Some(found))
            if !is_claimant && claimant.is_some_and(|by| found.contains(by)) =>
        {
            Err(OwnRefusal::Taken)
        }
        (OwnWord::Claim, Some(found)) => {
            let fits = |one: &&IdentityId| named.is_none_or(|named| named == *one);
            let fitting: Vec<&IdentityId> = found.intersection(own).filter(fits).collect();
            let [identity] = fitting[..] else { return Err(OwnRefusal::WhichIdentity) };
            Ok(match (found.len(), held.origin) {
                (1, Origin::Own) => OwnOutcome::Released,
                (1, _) => OwnOutcome::Same,
                _ if claimant == Some(identity) => OwnOutcome::Same,
                _ => OwnOutcome::Waits(identity.clone()),
            })
        }
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
        assert!(email.keys(&proxy).is_empty(), "people fill it themselves");
        let named = AccountField::Attribute("proxyAddresses".to_owned());
        let named = Rule { account: named, ..email.clone() };
        assert_eq!(named.keys(&proxy), ["ada@x.example", "sip:1@x", "x"]);
    }

    fn id(name: &str) -> IdentityId {
        IdentityId::parse(name).unwrap()
    }

    fn found(names: &[&str]) -> Found {
        Found { rule: 1, identities: names.iter().map(|name| id(name)).collect() }
    }

    #[test]
    fn an_account_without_an_owner_gets_the_only_one_that_is_found() {
        let nobody = (None, None);
        let ada = judge(nobody, Some(&found(&["ada"])), false);
        assert_eq!((ada.identity, ada.rule, ada.proposal), (Some(id("ada")), Some(1), None));
        let twins = judge(nobody, Some(&found(&["ada", "bob"])), true);
        assert_eq!((twins.identity, twins.reason), (None, Some(Unmapped::Ambiguous)));
        assert_eq!(judge(nobody, None, false).reason, Some(Unmapped::NoMatch));
    }

    #[test]
    fn an_account_never_gets_another_owner_by_itself() {
        let bob = id("bob");
        let was = (Some(&bob), Some(0));
        for (names, proposal) in [
            (&["ada"][..], Proposal::AnotherIdentity(id("ada"))),
            (&["ada", "bob"], Proposal::Ambiguous),
            (&["ada", "cy"], Proposal::Ambiguous),
        ] {
            let kept = judge(was, Some(&found(names)), false);
            assert_eq!((kept.identity, kept.rule), (Some(id("bob")), Some(0)), "{names:?}");
            assert_eq!(kept.proposal, Some(proposal));
        }
        assert_eq!(judge(was, Some(&found(&["ada"])), true).identity, Some(id("ada")));
        assert_eq!(judge(was, None, false).identity, None, "no rule finds bob any more");
        let still = judge(was, Some(&found(&["bob"])), false);
        assert_eq!((still.identity, still.proposal), (Some(id("bob")), None));
    }

    #[test]
    fn a_proposal_is_parsed_as_it_is_named() {
        for proposal in [
            Proposal::AnotherIdentity(id("a")),
            Proposal::SecondAccount(id("a")),
            Proposal::Ambiguous,
        ] {
            let parsed = Proposal::parse(proposal.name(), proposal.identity().cloned());
            assert_eq!(parsed, Some(proposal));
        }
        assert_eq!(Proposal::parse("another_identity", None), None);
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

    fn say(
        word: OwnWord,
        (identity, origin, claimant): (Option<&str>, Origin, Option<&str>),
        finds: &[&str],
        own: &[&str],
    ) -> Result<OwnOutcome, OwnRefusal> {
        let (identity, claim) = (identity.map(id), claimant.map(|by| Proposal::Claimed(id(by))));
        let held = Held { identity: identity.as_ref(), origin, proposal: claim.as_ref() };
        let found = (!finds.is_empty()).then(|| found(finds));
        let own = own.iter().map(|name| id(name)).collect();
        judge_own(word, held, found.as_ref(), &own, None)
    }

    #[test]
    fn somebody_elses_account_is_never_taken() {
        use OwnOutcome::{GivenUp, Released, Same, TakenBack, Waits};
        use OwnRefusal::{Taken, Unknown, WhichIdentity};
        use OwnWord::{Claim, GiveUp};
        let (rule, hand, own) = (Origin::Rule, Origin::Hand, Origin::Own);
        let nobodys = (None, rule, None);
        let both = ["ada", "bob"];
        // What the rules made of it stands: a second account waits for somebody who administers.
        assert_eq!(say(Claim, nobodys, &["ada"], &["ada"]), Ok(Same));
        assert_eq!(say(Claim, (None, own, None), &["ada"], &["ada"]), Ok(Released));
        assert_eq!(say(Claim, (None, own, None), &both, &["ada"]), Ok(Waits(id("ada"))));
        assert_eq!(say(Claim, (None, own, Some("bob")), &["ada"], &["ada"]), Ok(Released));
        assert_eq!(say(Claim, nobodys, &both, &["ada"]), Ok(Waits(id("ada"))));
        assert_eq!(say(Claim, nobodys, &both, &both), Err(WhichIdentity));
        assert_eq!(say(Claim, (None, rule, Some("ada")), &both, &["ada"]), Ok(Same));
        assert_eq!(say(Claim, (None, rule, Some("bob")), &both, &["ada"]), Err(Taken));
        assert_eq!(say(Claim, (None, hand, None), &["ada"], &["ada"]), Err(Taken));
        assert_eq!(say(Claim, (Some("ada"), hand, None), &[], &["ada"]), Ok(Same));
        for origin in [rule, hand, own] {
            let bobs = (Some("bob"), origin, None);
            assert_eq!(say(Claim, bobs, &["ada"], &["ada"]), Err(Taken));
            assert_eq!(say(Claim, bobs, &["bob"], &["ada"]), Err(Unknown));
            assert_eq!(say(GiveUp, bobs, &[], &["ada"]), Err(Unknown));
            assert_eq!(say(GiveUp, bobs, &["ada"], &["ada"]), Err(Taken));
        }
        assert_eq!(say(Claim, nobodys, &[], &["ada"]), Err(Unknown));
        assert_eq!(say(Claim, nobodys, &["ada"], &[]), Err(Unknown));
        assert_eq!(say(GiveUp, (Some("ada"), rule, None), &[], &["ada"]), Ok(GivenUp));
        assert_eq!(say(GiveUp, (Some("ada"), own, None), &[], &["ada"]), Ok(GivenUp));
        assert_eq!(say(GiveUp, (Some("ada"), hand, None), &["ada"], &["ada"]), Err(Taken));
        assert_eq!(say(GiveUp, (None, rule, Some("ada")), &both, &["ada"]), Ok(TakenBack));
        assert_eq!(say(GiveUp, (None, own, None), &["ada"], &["ada"]), Ok(Same));
    }
}
