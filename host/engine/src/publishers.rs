//! Whose signatures on plugins are believed, and what a signature is worth (PLG-2, ADR 16).

use grantry_authz::actions;
use grantry_model::clock::UnixMs;
use grantry_model::ids::PublisherId;
use grantry_model::signature::{Claim, InvalidSignature, KeyId, PublicKey, Signature};
use grantry_store::{AuditEntry, Plugin, Publisher, StoreError, Tx};
use serde_json::{Value, json};

use crate::error::{check_description, check_name};
use crate::idempotency::Turn;
use crate::{Answer, Ctx, EngineError, Idempotent, Page, PageQuery, PluginUpload, Result};

/// Publishers that one installation knows, revoked ones among them.
const PUBLISHERS_MAX: usize = 500;
const NO_PUBLISHER: EngineError = EngineError::NotFound { what: "publisher" };

/// A publisher to be trusted.
#[derive(Debug)]
pub struct PublisherInput {
    /// What an admin calls the publisher.
    pub name: String,
    /// Its public key, in minisign's form.
    pub public_key: String,
}

/// Why nobody vouches for a plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotVouched {
    /// It has no signature.
    #[error(
        "the plugin is not signed: ask its publisher for a signature, or say `allow_unsigned` if you \
         know where it comes from"
    )]
    Unsigned,
    /// Its signature is by a key that no admin named.
    #[error(
        "key {0} signed the plugin, and no publisher with this key is trusted here: add the publisher, \
         or say `allow_unsigned`"
    )]
    UnknownKey(KeyId),
    /// The key was revoked.
    #[error("the key of `{0}`, which signed the plugin, was revoked: nothing new begins to run it")]
    Revoked(String),
    /// The signature is wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidSignature),
}

impl NotVouched {
    /// The problem's code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unsigned => "plugin_not_signed",
            Self::UnknownKey(_) => "plugin_signer_unknown",
            Self::Revoked(_) => "plugin_signer_revoked",
            Self::Invalid(_) => "plugin_signature_invalid",
        }
    }
}

impl From<InvalidSignature> for EngineError {
    fn from(error: InvalidSignature) -> Self {
        NotVouched::Invalid(error).into()
    }
}

/// A trusted publisher signed these bytes, and said this of them.
pub(crate) struct Vouched {
    pub(crate) publisher: Publisher,
    pub(crate) signature: Signature,
    pub(crate) claim: Claim,
}

impl Vouched {
    /// For the audit log.
    pub(crate) fn described(&self) -> Value {
        let Publisher { id, name, .. } = &self.publisher;
        json!({ "publisher": id, "name": name, "key_id": self.signature.key_id() })
    }

    /// Keeps the publisher trusted until the transaction ends.
    pub(crate) async fn hold(&self, tx: &mut Tx) -> Result<()> {
        hold(tx, &self.publisher.id, &self.publisher.name).await
    }
}

async fn hold(tx: &mut Tx, id: &PublisherId, name: &str) -> Result<()> {
    if tx.lock_trusted_publisher(id).await? {
        return Ok(());
    }
    Err(NotVouched::Revoked(name.to_owned()).into())
}

/// Refuses to begin with a plugin whose signer's key was revoked. What runs it goes on.
pub(crate) fn check_signer(plugin: &Plugin) -> Result<()> {
    match &plugin.signer {
        Some(signer) if signer.revoked.is_some() => {
            Err(NotVouched::Revoked(signer.name.clone()).into())
        }
        _ => Ok(()),
    }
}

/// The same where a change is made: a revocation comes before it or after it.
pub(crate) async fn hold_signer(tx: &mut Tx, plugin: &Plugin) -> Result<()> {
    match &plugin.signer {
        Some(signer) => hold(tx, &signer.publisher, &signer.name).await,
        None => Ok(()),
    }
}

impl Ctx {
    /// Who vouches for the bytes: nobody only where the admin chose so. A signature that is wrong, or by
    /// a revoked key, is refused in any case.
    pub(crate) async fn vouched(&self, upload: &PluginUpload<'_>) -> Result<Option<Vouched>> {
        let chosen = |why: NotVouched| match upload.allow_unsigned {
            true => Ok(None),
            false => Err(why.into()),
        };
        let Some(text) = upload.signature else { return chosen(NotVouched::Unsigned) };
        let signature = Signature::parse(text)?;
        let Some(publisher) = self.db().publisher_by_key(signature.key_id()).await? else {
            return chosen(NotVouched::UnknownKey(signature.key_id().clone()));
        };
        if publisher.revoked.is_some() {
            return Err(NotVouched::Revoked(publisher.name).into());
        }
        let claim = signature.verify(upload.component, &publisher.public_key)?;
        Ok(Some(Vouched { publisher, signature, claim }))
    }

    /// Trusts a publisher's key.
    pub async fn create_publisher(
        &self,
        input: &PublisherInput,
        request: &Idempotent<'_, Publisher>,
    ) -> Result<Answer> {
        let permit = self.permit_admin::<actions::PluginInstall>().await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let work = async {
            check_name("/name", &input.name)?;
            let public_key = PublicKey::parse(&input.public_key).map_err(|error| {
                EngineError::field("/public_key", "invalid_key", error.to_string())
            })?;
            let db = self.db();
            let known = db.list_publishers("", u32::MAX).await?;
            if known.len() >= PUBLISHERS_MAX {
                let message = format!("there are {PUBLISHERS_MAX} already");
                return Err(EngineError::field("", "too_many", message));
            }
            if known.iter().any(|publisher| publisher.public_key.is_same_key(&public_key)) {
                return Err(StoreError::AlreadyExists { what: "publisher's key" }.into());
            }
            let mut publisher = Publisher {
                id: PublisherId::fresh(db.clock(), db.random()),
                name: input.name.trim().to_owned(),
                public_key,
                created: UnixMs(0),
                revoked: None,
                revoked_reason: None,
            };
            let mut tx = db.begin(permit.provenance()).await?;
            publisher.created = tx.now();
            tx.create_publisher(&permit, &publisher).await?;
            let answer = claimed.finish(&mut tx, &publisher).await?;
            let id = publisher.id.as_str();
            let detail = described(&publisher);
            tx.commit(AuditEntry::about("publisher.trusted", "publisher", id, detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.settle(&claimed, outcome).await
    }

    /// Publishers, trusted and revoked, in the order in which they were added.
    pub async fn list_publishers(&self, query: &PageQuery) -> Result<Page<Publisher>> {
        self.permit_admin::<actions::PluginRead>().await?;
        let after = self.engine.position("publishers", query.cursor.as_deref())?;
        let rows = self.db().list_publishers(&after, query.limit + 1).await?;
        Ok(self.engine.page("publishers", rows, query.limit, |row| row.id.to_string()))
    }

    /// One publisher.
    pub async fn publisher(&self, id: &PublisherId) -> Result<Publisher> {
        self.permit_admin::<actions::PluginRead>().await?;
        self.db().publisher(id).await?.ok_or(NO_PUBLISHER)
    }

    /// Trusts a key no more, for ever. What it signed is marked and goes on running where it runs:
    /// nothing new begins to.
    pub async fn revoke_publisher(&self, id: &PublisherId, reason: &str) -> Result<Publisher> {
        let permit = self.permit_admin::<actions::PluginInstall>().await?;
        check_description("/reason", reason)?;
        let publisher = self.db().publisher(id).await?.ok_or(NO_PUBLISHER)?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        if tx.revoke_publisher(&permit, id, reason).await? {
            let mut detail = described(&publisher);
            detail["reason"] = json!(reason);
            let id = id.as_str();
            tx.commit(AuditEntry::about("publisher.revoked", "publisher", id, detail)).await?;
        }
        self.db().publisher(id).await?.ok_or(NO_PUBLISHER)
    }
}

fn described(publisher: &Publisher) -> Value {
    json!({
        "name": publisher.name,
        "key_id": publisher.public_key.key_id(),
        "public_key": publisher.public_key,
    })
}
