//! The words of notices: an admin's, or the default ones.

use std::collections::BTreeMap;

use grantry_authz::actions;
use grantry_model::notification::{
    Notice, NoticeKind, TEXT_CHARACTERS_MAX, TITLE_CHARACTERS_MAX, Template, check_template, render,
};
use grantry_store::AuditEntry;
use serde_json::json;

use crate::{Ctx, Engine, EngineError, Result};

/// The words for a kind of notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateView {
    /// The kind.
    pub kind: NoticeKind,
    /// The words.
    pub template: Template,
    /// Whether an admin wrote them.
    pub is_changed: bool,
}

impl Engine {
    async fn template(&self, kind: NoticeKind) -> Result<TemplateView> {
        let written = self.db().templates().await?;
        let written = written.into_iter().find(|(of, _)| *of == kind).map(|(_, words)| words);
        let is_changed = written.is_some();
        let template = written.unwrap_or_else(|| kind.default_template());
        Ok(TemplateView { kind, template, is_changed })
    }

    /// A notice's headline and text.
    pub(crate) async fn words(&self, notice: &Notice) -> Result<(String, String)> {
        let template = self.template(notice.kind).await?.template;
        Ok((render(&template.title, &notice.fields), render(&template.text, &notice.fields)))
    }
}

impl Ctx {
    /// The words for every kind of notice.
    pub async fn list_templates(&self) -> Result<Vec<TemplateView>> {
        self.permit_admin::<actions::NotificationRead>().await?;
        let mut views = Vec::new();
        for kind in NoticeKind::ALL {
            views.push(self.engine.template(kind).await?);
        }
        Ok(views)
    }

    /// Writes the words for a kind of notice.
    pub async fn set_template(
        &self,
        kind: NoticeKind,
        template: &Template,
    ) -> Result<TemplateView> {
        let permit = self.permit_admin::<actions::NotificationWrite>().await?;
        check(kind, template)?;
        let before = self.engine.template(kind).await?.template;
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.set_template(&permit, kind, template).await?;
        let detail = json!({ "before": before, "after": template });
        tx.commit(AuditEntry::about("template.changed", "template", kind.name(), detail)).await?;
        self.engine.template(kind).await
    }

    /// Goes back to the default words.
    pub async fn reset_template(&self, kind: NoticeKind) -> Result<TemplateView> {
        let permit = self.permit_admin::<actions::NotificationWrite>().await?;
        let before = self.engine.template(kind).await?.template;
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.delete_template(&permit, kind).await?;
        let detail = json!({ "before": before, "after": kind.default_template() });
        tx.commit(AuditEntry::about("template.reset", "template", kind.name(), detail)).await?;
        self.engine.template(kind).await
    }

    /// What a template makes of example values. Nothing is stored or sent.
    pub async fn preview_template(
        &self,
        kind: NoticeKind,
        template: &Template,
    ) -> Result<Template> {
        self.permit_admin::<actions::NotificationRead>().await?;
        check(kind, template)?;
        let example = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let fields: BTreeMap<String, String> = kind.fields().iter().map(example).collect();
        let title = render(&template.title, &fields);
        Ok(Template { title, text: render(&template.text, &fields) })
    }
}

fn check(kind: NoticeKind, template: &Template) -> Result<()> {
    let parts = [
        ("/title", &template.title, TITLE_CHARACTERS_MAX),
        ("/text", &template.text, TEXT_CHARACTERS_MAX),
    ];
    for (path, text, max) in parts {
        check_template(kind, text, max)
            .map_err(|error| EngineError::field(path, "invalid_template", error.to_string()))?;
    }
    grantry_model::text::check_name(&template.title)
        .map_err(|error| EngineError::field("/title", "invalid_string", error.to_string()))?;
    grantry_model::text::check_description(&template.text)
        .map_err(|error| EngineError::field("/text", "invalid_string", error.to_string()))
}
