//! The words of notices.

use grantry_api::templates as wire;
use grantry_engine::TemplateView;
use grantry_model::notification::{NoticeKind, Template};

/// A kind of notice.
pub(crate) fn kind(kind: NoticeKind) -> wire::NoticeKind {
    match kind {
        NoticeKind::ExternalChange => wire::NoticeKind::ExternalChange,
        NoticeKind::AggregationFailed => wire::NoticeKind::AggregationFailed,
        NoticeKind::AggregationBlocked => wire::NoticeKind::AggregationBlocked,
        NoticeKind::IntegrationQuarantined => wire::NoticeKind::IntegrationQuarantined,
        NoticeKind::MembershipFailed => wire::NoticeKind::MembershipFailed,
        NoticeKind::RevokeOverdue => wire::NoticeKind::RevokeOverdue,
        NoticeKind::AccessLost => wire::NoticeKind::AccessLost,
        NoticeKind::ClockJump => wire::NoticeKind::ClockJump,
        NoticeKind::RequestWaiting => wire::NoticeKind::RequestWaiting,
        NoticeKind::RequestDecided => wire::NoticeKind::RequestDecided,
        NoticeKind::AccountClaimed => wire::NoticeKind::AccountClaimed,
        NoticeKind::TaskWaiting => wire::NoticeKind::TaskWaiting,
        NoticeKind::TaskDecided => wire::NoticeKind::TaskDecided,
        NoticeKind::WebhookDisabled => wire::NoticeKind::WebhookDisabled,
        NoticeKind::SinkDisabled => wire::NoticeKind::SinkDisabled,
        NoticeKind::Test => wire::NoticeKind::Test,
    }
}

/// A kind of notice, from the wire.
pub(crate) fn read_kind(kind: wire::NoticeKind) -> NoticeKind {
    match kind {
        wire::NoticeKind::ExternalChange => NoticeKind::ExternalChange,
        wire::NoticeKind::AggregationFailed => NoticeKind::AggregationFailed,
        wire::NoticeKind::AggregationBlocked => NoticeKind::AggregationBlocked,
        wire::NoticeKind::IntegrationQuarantined => NoticeKind::IntegrationQuarantined,
        wire::NoticeKind::MembershipFailed => NoticeKind::MembershipFailed,
        wire::NoticeKind::RevokeOverdue => NoticeKind::RevokeOverdue,
        wire::NoticeKind::AccessLost => NoticeKind::AccessLost,
        wire::NoticeKind::ClockJump => NoticeKind::ClockJump,
        wire::NoticeKind::RequestWaiting => NoticeKind::RequestWaiting,
        wire::NoticeKind::RequestDecided => NoticeKind::RequestDecided,
        wire::NoticeKind::AccountClaimed => NoticeKind::AccountClaimed,
        wire::NoticeKind::TaskWaiting => NoticeKind::TaskWaiting,
        wire::NoticeKind::TaskDecided => NoticeKind::TaskDecided,
        wire::NoticeKind::WebhookDisabled => NoticeKind::WebhookDisabled,
        wire::NoticeKind::SinkDisabled => NoticeKind::SinkDisabled,
        wire::NoticeKind::Test => NoticeKind::Test,
    }
}

/// A template with its fields.
pub(crate) fn template(view: &TemplateView) -> wire::Template {
    wire::Template {
        kind: kind(view.kind),
        title: view.template.title.clone(),
        text: view.template.text.clone(),
        fields: view.kind.fields().iter().map(|(field, _)| (*field).to_owned()).collect(),
        is_changed: view.is_changed,
    }
}

/// Words.
pub(crate) fn words(template: Template) -> wire::Words {
    wire::Words { title: template.title, text: template.text }
}

/// Words, from the wire.
pub(crate) fn read_words(words: wire::Words) -> Template {
    Template { title: words.title, text: words.text }
}
