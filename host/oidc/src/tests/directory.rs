//! Applications of a directory, over HTTP: what is asked for is what Microsoft documents of the token
//! endpoint and of `GET /servicePrincipals`, and each refusal is told as what it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use grantry_model::oidc::{DirectoryFault, IdentityProvider as _, IssuerKind, TrustedIssuer};
use grantry_model::secret::Secret;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use url::{Url, form_urlencoded};

use super::scripted::{APPLICATION, GRANTRY, OBJECT, Scene, TENANT};
use crate::Issuers;

/// A request that came in: its method with path, its query or form, its headers.
#[derive(Debug, Clone, Default)]
struct Asked {
    what: String,
    fields: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
}

/// Entra's login and Graph on one loopback address.
struct Tenant {
    issuers: Issuers,
    trusted: TrustedIssuer,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// What Graph, and the token endpoint, answer with.
    graph: Arc<Mutex<(u16, Value)>>,
    tokens: Arc<Mutex<u16>>,
}

impl Tenant {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scene = Scene::new();
        let url = format!("http://{address}/{TENANT}/v2.0");
        let trusted =
            TrustedIssuer { url: url.clone(), address_exception: Some(address), ..scene.trusted };
        let jwks = json!({"keys": scene.served.lock().unwrap().keys});
        let tenant = Self {
            issuers: Issuers::new(scene.clock),
            trusted,
            asked: Arc::default(),
            graph: Arc::new(Mutex::new((200, json!({"value": []})))),
            tokens: Arc::new(Mutex::new(200)),
        };
        let (asked, graph, tokens) =
            (tenant.asked.clone(), tenant.graph.clone(), tenant.tokens.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (mut stream, request) = read(stream).await;
                let base = format!("http://{address}");
                let (status, body) = match &*request.what {
                    what if what.ends_with("/openid-configuration") => {
                        let discovery = json!({"issuer": url, "jwks_uri": format!("{base}/keys"),
                            "token_endpoint": format!("{base}/token"),
                            "token_endpoint_auth_methods_supported": ["client_secret_post"]});
                        (200, discovery)
                    }
                    "GET /keys" => (200, jwks.clone()),
                    "POST /token" => (*tokens.lock().unwrap(), json!({"access_token": "t0ken"})),
                    "GET /v1.0/servicePrincipals" => graph.lock().unwrap().clone(),
                    other => panic!("asked for {other}"),
                };
                asked.lock().unwrap().push(request);
                let body = body.to_string();
                let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n", body.len());
                let answer = format!("{head}Connection: close\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        tenant
    }

    async fn search(&self, words: &str) -> Result<Vec<(String, String, String)>, DirectoryFault> {
        let secret = Secret::new("s3cret".to_owned());
        let found = self.issuers.applications(&self.trusted, &secret, words).await?;
        let items = found.items.into_iter();
        Ok(items.map(|it| (it.name, it.application_id, it.object_id)).collect())
    }

    fn last(&self, what: &str) -> Asked {
        let asked = self.asked.lock().unwrap();
        asked.iter().rev().find(|asked| asked.what == what).cloned().unwrap()
    }
}

/// Reads one request.
async fn read(stream: TcpStream) -> (TcpStream, Asked) {
    let mut stream = BufReader::new(stream);
    let (mut asked, mut line) = (Asked::default(), String::new());
    stream.read_line(&mut line).await.unwrap();
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let url = Url::parse(&format!("http://x{target}")).unwrap();
    asked.what = format!("{method} {}", url.path());
    asked.fields = url.query_pairs().into_owned().collect();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        asked.headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = asked.headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    asked.fields.extend(form_urlencoded::parse(&body).into_owned());
    (stream.into_inner(), asked)
}

fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[tokio::test]
async fn applications_are_searched_with_the_registrations_own_token() {
    let tenant = Tenant::start().await;
    *tenant.graph.lock().unwrap() = (
        200,
        json!({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#servicePrincipals",
            "@odata.count": 3, "value": [
                {"id": OBJECT, "appId": APPLICATION, "displayName": "Help \u{202e}desk"},
                {"id": "x", "appId": APPLICATION, "displayName": "No id"},
                {"id": OBJECT, "appId": null, "displayName": null},
        ]}),
    );
    let found = tenant.search("help \"desk\\").await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((&*found[0].1, &*found[0].2), (APPLICATION, OBJECT));
    assert!(!found[0].0.contains('\u{202e}'), "{found:?}");
    let token = tenant.last("POST /token").fields;
    let scope = format!("http://{}/.default", tenant.trusted.address_exception.unwrap());
    let expected = [
        ("client_id", GRANTRY),
        ("client_secret", "s3cret"),
        ("grant_type", "client_credentials"),
        ("scope", &scope),
    ];
    assert_eq!(token, fields(&expected));
    let asked = tenant.last("GET /v1.0/servicePrincipals");
    assert_eq!(asked.headers["authorization"], "Bearer t0ken");
    assert_eq!(asked.headers["consistencylevel"], "eventual");
    let expected = [
        ("$count", "true"),
        ("$search", r#""displayName:help \"desk\\""#),
        ("$select", "id,appId,displayName"),
        ("$top", "50"),
    ];
    assert_eq!(asked.fields, fields(&expected));
}

#[tokio::test]
async fn each_refusal_is_told_as_what_it_is() {
    let tenant = Tenant::start().await;
    let denied = json!({"error": {"code": "Authorization_RequestDenied",
        "message": "Insufficient privileges to complete the operation."}});
    *tenant.graph.lock().unwrap() = (403, denied);
    let missing = DirectoryFault::ConsentMissing { client_id: GRANTRY.to_owned() };
    assert_eq!(tenant.search("x").await, Err(missing));
    *tenant.graph.lock().unwrap() = (429, json!({}));
    assert!(matches!(tenant.search("x").await, Err(DirectoryFault::Provider(_))));
    *tenant.graph.lock().unwrap() = (200, json!([]));
    assert!(matches!(tenant.search("x").await, Err(DirectoryFault::Provider(_))));
    *tenant.tokens.lock().unwrap() = 401;
    assert_eq!(tenant.search("x").await, Err(DirectoryFault::RegistrationRefused));
    let trusted = TrustedIssuer { kind: IssuerKind::Generic, ..tenant.trusted.clone() };
    let secret = Secret::new("s3cret".to_owned());
    let other = tenant.issuers.applications(&trusted, &secret, "x").await;
    assert_eq!(other, Err(DirectoryFault::NotOffered));
}
