//! Mapping rules and mappings.

use grantry_api::mappings as wire;
use grantry_engine::{
    IdentityAccount, MappingChange, MappingOutcome, NamedIdentity, StoredMapping,
};
use grantry_model::ids::{DataSourceId, IdentityId};
use grantry_model::mapping::{AccountField, DomainChange, IdentityField, Proposal, Rule, Unmapped};

use crate::problem::Problem;

/// A rule.
fn rule(rule: &Rule) -> wire::MappingRule {
    let (account, attribute) = match &rule.account {
        AccountField::Email => (wire::AccountField::Email, None),
        AccountField::UserName => (wire::AccountField::UserName, None),
        AccountField::NativeId => (wire::AccountField::NativeId, None),
        AccountField::Attribute(name) => (wire::AccountField::Attribute, Some(name.clone())),
    };
    let domain = rule.domain.as_ref();
    wire::MappingRule {
        account,
        attribute,
        identity: match rule.identity {
            IdentityField::Email => wire::IdentityField::Email,
            IdentityField::UserName => wire::IdentityField::UserName,
            IdentityField::ExternalId => wire::IdentityField::ExternalId,
        },
        data_source_id: rule.data_source.as_ref().map(ToString::to_string),
        domain: domain
            .map(|domain| wire::DomainChange { from: domain.from.clone(), to: domain.to.clone() }),
    }
}

/// Rules with their version.
pub(crate) fn rules(rules: &[Rule], version: i64) -> wire::MappingRules {
    wire::MappingRules { rules: rules.iter().map(rule).collect(), version }
}

/// Rules, from the wire.
pub(crate) fn read_rules(rules: Vec<wire::MappingRule>) -> Result<Vec<Rule>, Problem> {
    rules.into_iter().enumerate().map(|(position, rule)| read_rule(position, rule)).collect()
}

fn read_rule(position: usize, rule: wire::MappingRule) -> Result<Rule, Problem> {
    let at = |field: &str| format!("/rules/{position}/{field}");
    let account = match (rule.account, rule.attribute) {
        (wire::AccountField::Email, None) => AccountField::Email,
        (wire::AccountField::UserName, None) => AccountField::UserName,
        (wire::AccountField::NativeId, None) => AccountField::NativeId,
        (wire::AccountField::Attribute, name) => AccountField::Attribute(name.unwrap_or_default()),
        (_, Some(_)) => {
            let message = "is for rules that compare an `attribute`";
            return Err(Problem::field(at("attribute"), "unexpected_field", message));
        }
    };
    let source = rule.data_source_id.map(|id| DataSourceId::parse(&id)).transpose();
    let refused = |error: grantry_model::ids::InvalidId| error.to_string();
    Ok(Rule {
        account,
        identity: match rule.identity {
            wire::IdentityField::Email => IdentityField::Email,
            wire::IdentityField::UserName => IdentityField::UserName,
            wire::IdentityField::ExternalId => IdentityField::ExternalId,
        },
        data_source: source
            .map_err(|error| Problem::field(at("data_source_id"), "invalid_id", refused(error)))?,
        domain: rule.domain.map(|domain| DomainChange { from: domain.from, to: domain.to }),
    })
}

/// What the rules changed, or would change.
pub(crate) fn outcome(outcome: &MappingOutcome) -> wire::MappingOutcome {
    let counts = outcome.counts;
    wire::MappingOutcome {
        mapped: counts.mapped,
        remapped: counts.remapped,
        unmapped: counts.unmapped,
        held: counts.held,
        explained: counts.explained,
        changes: outcome.changes.iter().map(change).collect(),
    }
}

fn change(change: &MappingChange) -> wire::MappingChange {
    let named = |named: &Option<NamedIdentity>| {
        let named = named.as_ref();
        named.map(|it| wire::NamedIdentity { id: it.id.to_string(), display: it.display.clone() })
    };
    wire::MappingChange {
        account_id: change.account.clone(),
        account_display: change.account_display.clone(),
        before: named(&change.before),
        after: named(&change.after),
        rule: change.rule,
        reason: change.reason.map(|reason| reason.name().to_owned()),
        proposal: change.proposal.as_ref().map(proposal),
    }
}

fn proposal(proposal: &Proposal) -> wire::MappingProposal {
    let identity_id = proposal.identity().map(ToString::to_string);
    wire::MappingProposal { why: proposal.name().to_owned(), identity_id }
}

/// Whose an account is.
pub(crate) fn mapping(mapping: &StoredMapping) -> wire::AccountMapping {
    wire::AccountMapping {
        identity_id: mapping.identity.as_ref().map(ToString::to_string),
        identity_display: mapping.identity_display.clone(),
        origin: mapping.origin.name().to_owned(),
        rule: mapping.rule,
        reason: mapping.reason.map(Unmapped::name).map(str::to_owned),
        proposal: mapping.proposal.as_ref().map(proposal),
        changed_ms: mapping.changed.map(|at| at.0),
        version: mapping.version,
    }
}

/// What a person says, from the wire.
pub(crate) fn read_identity(set: wire::SetMapping) -> Result<Option<IdentityId>, Problem> {
    let id = set.identity_id.flatten().map(|id| IdentityId::parse(&id)).transpose();
    id.map_err(|error| Problem::field("/identity_id", "invalid_id", error.to_string()))
}

/// An account of an identity.
pub(crate) fn account(account: &IdentityAccount) -> wire::IdentityAccount {
    wire::IdentityAccount {
        account_id: account.account.to_string(),
        integration_id: account.source.integration().map(ToString::to_string),
        integration_name: account.integration_name.clone(),
        app_id: account.app.to_string(),
        app_name: account.app_name.clone(),
        kind: account.kind.clone(),
        native_id: account.native_id.clone(),
        name: account.name.clone(),
        display: account.display.clone(),
        status: account.status.clone(),
        origin: account.origin.name().to_owned(),
    }
}
