//! Requests that leave through the operator's proxy (INT-14): the same checks, the same certificate.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use grantry_egress::Proxy;
use grantry_model::approval::AddressException;
use grantry_runtime::HttpSettings;
use grantry_runtime::http::{HttpAccess, Refusal};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::egress::{Rebinding, access, get, session};
use crate::support::scope::{TestScope, digest, origin};
use crate::support::target::{Reply, Target};
use crate::tls::{root, server};

/// A proxy that notes what it is told; `answer` of none opens the tunnel.
struct Recording {
    address: SocketAddr,
    told: Arc<Mutex<Vec<String>>>,
}

impl Recording {
    async fn start(answer: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let kept = told.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer, kept.clone()));
            }
        });
        Self { address, told }
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    /// What is asked for, without the rest of the head.
    fn asked(&self) -> Vec<String> {
        self.told().iter().map(|head| head.lines().next().unwrap_or("").to_owned()).collect()
    }

    fn settings(&self) -> impl FnOnce(&mut HttpSettings) {
        let url = format!("http://user:proxy-canary@{}", self.address);
        move |settings| settings.proxy = Some(Proxy::parse(&url).unwrap())
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: Option<&str>,
    told: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let place = head.split(' ').nth(1).unwrap_or_default().to_owned();
    told.lock().unwrap().push(head);
    if let Some(answer) = answer {
        return stream.write_all(answer.as_bytes()).await;
    }
    let mut behind = TcpStream::connect(place).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nVia: 1.1 p\r\n\r\n").await?;
    tokio::io::copy_bidirectional(&mut stream, &mut behind).await.map(drop)
}

fn reaching(server: &Target) -> TestScope {
    TestScope::new(digest()).reaching(server.address)
}

async fn status(
    access: &Arc<HttpAccess>,
    scope: &TestScope,
    server: &Target,
) -> Result<u16, Refusal> {
    let url = format!("http://{}/", server.address);
    session(access, scope).send(get(&url)).await.map(|response| response.status)
}

#[tokio::test]
async fn a_request_goes_through_the_proxy_unless_the_integration_bypasses_it() {
    let server = Target::start(|_, _| Reply::ok("")).await;
    let proxy = Recording::start(None).await;
    let through = access(proxy.settings());
    assert_eq!(status(&through, &reaching(&server), &server).await, Ok(200));
    let expected = format!("CONNECT {} HTTP/1.1", server.address);
    assert_eq!(proxy.asked(), [expected]);
    assert!(proxy.told()[0].contains("\r\nProxy-Authorization: Basic "), "{:?}", proxy.told());
    // The proxy's credential is no header of the target's.
    let seen = server.received();
    assert!(!format!("{seen:?}").to_lowercase().contains("proxy-authorization"), "{seen:?}");

    let past = reaching(&server).grant(|granted| granted.bypasses_proxy = true);
    assert_eq!(status(&access(proxy.settings()), &past, &server).await, Ok(200));
    assert_eq!(proxy.asked().len(), 1);
}

#[tokio::test]
async fn the_certificate_is_checked_against_the_name_inside_the_tunnel() {
    for (certified, outcome) in [("scim.example.test", Some(200)), ("other.example.test", None)] {
        let proxy = Recording::start(None).await;
        let root = root();
        let port = server(certified, &root).await;
        let access = access(|settings| {
            proxy.settings()(settings);
            settings.resolver = Rebinding::new(vec![vec!["127.0.0.1"]]);
            settings.extra_roots_pem.push(root.pem());
        });
        let scope = TestScope::new(digest()).grant(|granted| {
            granted.origins.push(origin("scim.example.test", port, false));
            let ip = "127.0.0.1".parse().unwrap();
            granted.address_exceptions.push(AddressException { ip, port });
        });
        let url = format!("https://scim.example.test:{port}/");
        let sent = session(&access, &scope).send(get(&url)).await;
        assert_eq!(sent.ok().map(|response| response.status), outcome);
        // The address that was judged, never the name.
        let expected = format!("CONNECT 127.0.0.1:{port} HTTP/1.1");
        assert!(proxy.asked().iter().all(|asked| *asked == expected), "{:?}", proxy.asked());
        assert!(!proxy.told().is_empty());
    }
}

#[tokio::test]
async fn an_address_that_may_not_be_reached_is_never_told_to_the_proxy() {
    let proxy = Recording::start(None).await;
    for addresses in [vec!["10.0.0.1"], vec!["8.8.8.8", "169.254.169.254"], vec!["::ffff:7f00:1"]] {
        let access = access(|settings| {
            proxy.settings()(settings);
            settings.resolver = Rebinding::new(vec![addresses.clone()]);
        });
        let scope = TestScope::new(digest())
            .grant(|granted| granted.origins.push(origin("example.com", 443, false)));
        let refused = session(&access, &scope).send(get("https://example.com/")).await;
        let Err(Refusal::Denied { code, .. }) = refused else { panic!("{addresses:?}") };
        assert_eq!(code, "address_not_allowed");
    }
    assert_eq!(proxy.told(), Vec::<String>::new());
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_without_its_credential() {
    let server = Target::start(|_, _| Reply::ok("")).await;
    let proxy = Recording::start(Some("HTTP/1.1 407 canary\r\n\r\n")).await;
    let refused = status(&access(proxy.settings()), &reaching(&server), &server).await;
    let Err(Refusal::Connect(why)) = refused else { panic!("{refused:?}") };
    assert!(why.ends_with("the proxy wants another user or password"), "{why}");
    assert_eq!(server.received().len(), 0);
}
