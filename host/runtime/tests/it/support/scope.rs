//! A call's scope whose parts are maps and lists.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use grantry_model::approval::{AddressException, AllowedHost, AllowedOrigin, Granted, origin_of};
use grantry_model::gate::{AdmittedTest, admit_test};
use grantry_model::ids::IntegrationId;
use grantry_model::permission::Action;
use grantry_model::platform::{
    ListOf, MembershipChange, Platform, PlatformApp, PlatformDataSource, PlatformDiff,
    PlatformError, PlatformMembership, PlatformPage, PlatformResult, PlatformRole,
};
use grantry_model::plugin::{AuthKind, AuthScheme, Digest, TestDepth};
use grantry_model::runner::{AuditSink, CallScope, Denial, KeyValue, KeyValueUnavailable, KvUsage};
use grantry_model::secret::{Secret, SecretSource, SecretUnavailable};
use grantry_model::settings::Settings;

pub const TOKEN: &str = "tok-3f9a/8+c==very-secret";

#[derive(Default)]
pub struct Audit(Mutex<Vec<Denial>>);

impl Audit {
    pub fn codes(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().iter().map(|denial| denial.code).collect()
    }
}

#[async_trait]
impl AuditSink for Audit {
    async fn denied(&self, _: &IntegrationId, denial: Denial) {
        self.0.lock().unwrap().push(denial);
    }
}

pub struct Secrets(pub BTreeMap<String, String>);

#[async_trait]
impl SecretSource for Secrets {
    async fn secret(&self, pointer: &str) -> Result<Option<Secret>, SecretUnavailable> {
        Ok(self.0.get(pointer).map(|text| Secret::new(text.clone())))
    }
}

#[derive(Default)]
pub struct Store(pub BTreeMap<String, Vec<u8>>);

#[async_trait]
impl KeyValue for Store {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueUnavailable> {
        Ok(self.0.get(key).cloned())
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, KeyValueUnavailable> {
        Ok(self.0.keys().filter(|key| key.starts_with(prefix)).cloned().collect())
    }

    async fn usage(&self) -> Result<KvUsage, KeyValueUnavailable> {
        let bytes = self.0.iter().map(|(key, value)| key.len() + value.len()).sum();
        Ok(KvUsage { keys: self.0.len(), bytes })
    }
}

/// Answers `conflict`, or panics for the app `panic`.
pub struct TestPlatform;

#[async_trait]
impl Platform for TestPlatform {
    async fn list_apps(&self, _: Option<String>) -> PlatformResult<PlatformPage<PlatformApp>> {
        Ok(PlatformPage { items: Vec::new(), next: None })
    }

    async fn list_roles(
        &self,
        app: &str,
        _: Option<String>,
    ) -> PlatformResult<PlatformPage<PlatformRole>> {
        assert!(app != "panic", "a bug in a host function");
        Ok(PlatformPage { items: Vec::new(), next: None })
    }

    async fn change_membership(
        &self,
        _: &str,
        _: MembershipChange,
        _: &str,
    ) -> PlatformResult<PlatformMembership> {
        Err(PlatformError::Conflict("always".to_owned()))
    }

    async fn list_data_sources(
        &self,
        _: Option<String>,
    ) -> PlatformResult<PlatformPage<PlatformDataSource>> {
        Err(PlatformError::NotFound)
    }

    async fn begin_upload(&self, _: ListOf) -> PlatformResult<String> {
        Err(PlatformError::NotFound)
    }

    async fn append_upload(&self, _: ListOf, _: &str, _: u64, _: Vec<u8>) -> PlatformResult<u64> {
        Err(PlatformError::NotFound)
    }

    async fn preview_upload(&self, _: ListOf, _: &str) -> PlatformResult<PlatformDiff> {
        Err(PlatformError::NotFound)
    }

    async fn apply_upload(
        &self,
        _: ListOf,
        _: &str,
        _: &str,
        _: Option<&str>,
        _: &str,
    ) -> PlatformResult<PlatformDiff> {
        Err(PlatformError::NotFound)
    }
}

pub struct TestScope {
    pub audit: Arc<Audit>,
    pub scope: CallScope,
}

/// The gate's word for a test of an integration with the default settings.
pub fn admitted(depth: TestDepth) -> AdmittedTest {
    admit_test(&Settings::default(), depth).unwrap()
}

pub fn digest() -> Digest {
    Digest::of(b"nothing")
}

pub fn bearer() -> AuthScheme {
    AuthScheme { name: "token".to_owned(), kind: AuthKind::Bearer { secret: "/token".to_owned() } }
}

impl TestScope {
    pub fn new(plugin: Digest) -> Self {
        let audit = Arc::new(Audit::default());
        let secrets = [("/token", TOKEN), ("/client_secret", "cl1ent-s3cret/+")];
        let secrets = secrets.map(|(at, text)| (at.to_owned(), text.to_owned()));
        let scope = CallScope {
            plugin,
            integration: IntegrationId::parse("integration-1").unwrap(),
            policy_version: 1,
            connection: r#"{"url":"https://example.com"}"#.into(),
            granted: Arc::new(Granted {
                origins: Vec::new(),
                address_exceptions: Vec::new(),
                bind_address: None,
                bypasses_proxy: false,
                platform_actions: vec![Action::AppAndRoleRead],
                kv: true,
            }),
            auth: vec![bearer()].into(),
            secrets: Arc::new(Secrets(secrets.into())),
            kv: Arc::new(Store::default()),
            platform: Arc::new(TestPlatform),
            audit: audit.clone(),
            validators: Arc::default(),
        };
        Self { audit, scope }
    }

    pub fn grant(mut self, change: impl FnOnce(&mut Granted)) -> Self {
        let mut granted = (*self.scope.granted).clone();
        change(&mut granted);
        self.scope.granted = Arc::new(granted);
        self
    }

    /// Allows plain http to a server on loopback.
    pub fn reaching(self, server: SocketAddr) -> Self {
        self.grant(|granted| {
            let (host, port, is_plain) = origin_of(&format!("http://{server}/")).unwrap();
            granted.origins.push(origin(&host, port, is_plain));
            granted
                .address_exceptions
                .push(AddressException { ip: server.ip(), port: server.port() });
        })
    }

    pub fn auth(mut self, scheme: AuthScheme) -> Self {
        self.scope.auth = vec![scheme].into();
        self
    }
}

pub fn origin(host: &str, port: u16, is_plain: bool) -> AllowedOrigin {
    AllowedOrigin {
        host: AllowedHost::Exact(host.to_owned()),
        port,
        is_plain,
        methods: Vec::new(),
        path_prefix: String::new(),
        takes_credentials: true,
    }
}
