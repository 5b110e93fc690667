//! `lifecycle`: the manifest and what belongs to it.

use grantry_model::permission::Action;
use grantry_model::plugin as model;

use super::{all, faults};
use crate::bindings::exports::grantry::plugin::lifecycle as wit;

fn attribute_type(from: wit::AttributeType) -> model::AttributeType {
    match from {
        wit::AttributeType::Text => model::AttributeType::Text,
        wit::AttributeType::Boolean => model::AttributeType::Boolean,
        wit::AttributeType::Integer => model::AttributeType::Integer,
        wit::AttributeType::Decimal => model::AttributeType::Decimal,
        wit::AttributeType::Real => model::AttributeType::Real,
        wit::AttributeType::Bytes => model::AttributeType::Bytes,
        wit::AttributeType::Timestamp => model::AttributeType::Timestamp,
        wit::AttributeType::Date => model::AttributeType::Date,
        wit::AttributeType::Uuid => model::AttributeType::Uuid,
        wit::AttributeType::Reference => model::AttributeType::Reference,
        wit::AttributeType::Json => model::AttributeType::Json,
        wit::AttributeType::Secret => model::AttributeType::Secret,
    }
}

const TRAITS: [(wit::AttributeTraits, &str); 8] = [
    (wit::AttributeTraits::MULTI_VALUED, "multi_valued"),
    (wit::AttributeTraits::REQUIRED, "required"),
    (wit::AttributeTraits::CREATABLE, "creatable"),
    (wit::AttributeTraits::UPDATABLE, "updatable"),
    (wit::AttributeTraits::READABLE, "readable"),
    (wit::AttributeTraits::RETURNED_BY_DEFAULT, "returned_by_default"),
    (wit::AttributeTraits::CASE_INSENSITIVE, "case_insensitive"),
    (wit::AttributeTraits::UNIQUE, "unique"),
];

fn traits(from: wit::AttributeTraits) -> Vec<String> {
    let held = TRAITS.into_iter().filter(|(flag, _)| from.contains(*flag));
    held.map(|(_, name)| name.to_owned()).collect()
}

fn attribute_schema(from: wit::AttributeSchema) -> model::AttributeSchema {
    model::AttributeSchema {
        name: from.name,
        of_type: attribute_type(from.of_type),
        description: from.description,
        traits: traits(from.traits),
        reference_kind: from.reference_kind,
        choices: from.choices,
    }
}

fn kind_class(from: wit::KindClass) -> model::KindClass {
    match from {
        wit::KindClass::Account => model::KindClass::Account,
        wit::KindClass::Group => model::KindClass::Group,
        wit::KindClass::Role => model::KindClass::Role,
        wit::KindClass::App => model::KindClass::App,
        wit::KindClass::Secret => model::KindClass::Secret,
        wit::KindClass::Device => model::KindClass::Device,
        wit::KindClass::Agent => model::KindClass::Agent,
        wit::KindClass::License => model::KindClass::License,
        wit::KindClass::ScopeBinding => model::KindClass::ScopeBinding,
        wit::KindClass::Other => model::KindClass::Other,
    }
}

fn verb(from: wit::Verb) -> model::Verb {
    match from {
        wit::Verb::Grant => model::Verb::Grant,
        wit::Verb::Revoke => model::Verb::Revoke,
        wit::Verb::Extend => model::Verb::Extend,
        wit::Verb::Renew => model::Verb::Renew,
        wit::Verb::Create => model::Verb::Create,
        wit::Verb::Update => model::Verb::Update,
        wit::Verb::Delete => model::Verb::Delete,
        wit::Verb::Enable => model::Verb::Enable,
        wit::Verb::Disable => model::Verb::Disable,
        wit::Verb::Unlock => model::Verb::Unlock,
        wit::Verb::SetPassword => model::Verb::SetPassword,
        wit::Verb::RotateCredential => model::Verb::RotateCredential,
        wit::Verb::IssueCredential => model::Verb::IssueCredential,
        wit::Verb::RevokeCredential => model::Verb::RevokeCredential,
        wit::Verb::Link => model::Verb::Link,
        wit::Verb::Unlink => model::Verb::Unlink,
        wit::Verb::Invoke => model::Verb::Invoke,
    }
}

fn delta_support(from: wit::DeltaSupport) -> model::DeltaSupport {
    match from {
        wit::DeltaSupport::None => model::DeltaSupport::None,
        wit::DeltaSupport::UpsertsOnly => model::DeltaSupport::UpsertsOnly,
        wit::DeltaSupport::WithDeletes => model::DeltaSupport::WithDeletes,
        wit::DeltaSupport::Validators => model::DeltaSupport::Validators,
    }
}

pub(crate) fn kind_schema(from: wit::KindSchema) -> model::KindSchema {
    model::KindSchema {
        kind: from.kind,
        classes: all(from.classes, kind_class),
        display: from.display,
        id_attribute: from.id_attribute,
        name_attribute: from.name_attribute,
        parent_kinds: from.parent_kinds,
        attributes: all(from.attributes, attribute_schema),
        verbs: all(from.verbs, verb),
        delta: delta_support(from.delta),
        is_countable: from.is_countable,
    }
}

fn host_rule(from: wit::HostRule) -> model::HostRule {
    match from {
        wit::HostRule::Exact(name) => model::HostRule::Exact(name),
        wit::HostRule::Suffix(suffix) => model::HostRule::Suffix(suffix),
        wit::HostRule::FromConnection(pointer) => model::HostRule::FromConnection(pointer),
    }
}

fn needed_host(from: wit::NeededHost) -> model::NeededHost {
    model::NeededHost {
        host: host_rule(from.host),
        methods: from.methods,
        path_prefix: from.path_prefix,
        why: from.why,
    }
}

fn auth_kind(from: wit::AuthKind) -> model::AuthKind {
    match from {
        wit::AuthKind::Bearer(secret) => model::AuthKind::Bearer { secret },
        wit::AuthKind::Basic(basic) => {
            model::AuthKind::Basic { username: basic.username, password: basic.password }
        }
        wit::AuthKind::Header(header) => model::AuthKind::Header {
            header: header.header,
            prefix: header.prefix,
            secret: header.secret,
        },
        wit::AuthKind::Query(query) => {
            model::AuthKind::Query { parameter: query.parameter, secret: query.secret }
        }
        wit::AuthKind::Oauth2ClientCredentials(client) => {
            model::AuthKind::Oauth2ClientCredentials {
                token_url: client.token_url,
                client_id: client.client_id,
                client_secret: client.client_secret,
                scope: client.scope,
            }
        }
    }
}

fn auth_scheme(from: wit::AuthScheme) -> model::AuthScheme {
    model::AuthScheme { name: from.name, kind: auth_kind(from.kind) }
}

fn platform_action(from: wit::PlatformAction) -> Action {
    match from {
        wit::PlatformAction::AppAndRoleRead => Action::AppAndRoleRead,
        wit::PlatformAction::CsvAppUserUpload => Action::CsvAppUserUpload,
        wit::PlatformAction::DataSourceUsersUpdate => Action::DataSourceUsersUpdate,
        wit::PlatformAction::AppMembershipWrite => Action::AppMembershipWrite,
    }
}

pub(crate) fn manifest(from: wit::Manifest) -> model::Manifest {
    model::Manifest {
        name: from.name,
        version: from.version,
        publisher: from.publisher,
        application_type: from.application_type,
        description: from.description,
        docs_url: from.docs_url,
        example_connection: from.example_connection,
        connection_schema: from.connection_schema,
        auth: all(from.auth, auth_scheme),
        hosts: all(from.hosts, needed_host),
        platform_actions: all(from.platform_actions, platform_action),
        needs_kv: from.needs_kv,
        kinds: all(from.kinds, kind_schema),
        can_read_back: from.can_read_back,
    }
}

pub(crate) fn to_test_depth(from: model::TestDepth) -> wit::TestDepth {
    match from {
        model::TestDepth::Connect => wit::TestDepth::Connect,
        model::TestDepth::Read => wit::TestDepth::Read,
        model::TestDepth::WriteProbe => wit::TestDepth::WriteProbe,
    }
}

pub(crate) fn connection_report(from: wit::ConnectionReport) -> model::ConnectionReport {
    model::ConnectionReport {
        tenant: from.tenant.map(faults::text),
        effective: all(from.effective, kind_schema),
        missing_permissions: faults::texts(from.missing_permissions),
        warnings: faults::texts(from.warnings),
    }
}
