//! Compiled components on disk: what was changed there is never run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use grantry_model::fault::Fault;
use grantry_model::plugin::Digest;
use grantry_model::runner::TaskRunner;

use crate::runner::page_request;
use crate::support::Host;
use crate::support::guest::Guest;
use crate::support::scope::TestScope;

fn file(host: &Host) -> PathBuf {
    let mut files = fs::read_dir(host.cache.path().join("cache")).unwrap();
    files.next().unwrap().unwrap().path()
}

/// A new process over the same cache.
fn restarted(host: &Host, source: Option<Vec<u8>>) -> Host {
    Host::over(host.cache.clone(), source, |_| {})
}

async fn installed() -> (Host, Vec<u8>, Digest) {
    let component = Guest::reader().page_of(1, 1).build();
    let host = Host::new();
    let digest = host.install(&component).await.digest;
    (host, component, digest)
}

async fn read(host: &Host, digest: &Digest) -> Result<(), Fault> {
    let scope = TestScope::new(digest.clone()).scope;
    let called = host.runner.read_page(&scope, page_request()).await;
    called.map(drop).map_err(|failure| failure.fault)
}

#[tokio::test]
async fn a_compiled_component_outlives_the_process() {
    let (host, _, digest) = installed().await;
    assert_eq!(read(&restarted(&host, None), &digest).await, Ok(()));
}

#[tokio::test]
async fn the_cache_is_closed_to_others() {
    let (host, ..) = installed().await;
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(file(&host)), 0o600);
    assert_eq!(mode(host.cache.path().join("cache")), 0o700);
}

#[tokio::test]
async fn a_changed_file_is_compiled_again() {
    let (host, component, digest) = installed().await;
    let path = file(&host);
    let good = fs::read(&path).unwrap();
    for at in [0, 8, 20, 40, 44, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, &bad).unwrap();
        let missing = read(&restarted(&host, None), &digest).await;
        assert!(matches!(missing, Err(Fault::Missing(_))), "byte {at}: {missing:?}");

        assert_eq!(read(&restarted(&host, Some(component.clone())), &digest).await, Ok(()));
        assert_eq!(fs::read(&path).unwrap(), good, "byte {at} was repaired");
    }
    for cut in [0, 7, 43, good.len() - 1] {
        fs::write(&path, &good[..cut]).unwrap();
        let missing = read(&restarted(&host, None), &digest).await;
        assert!(matches!(missing, Err(Fault::Missing(_))), "cut at {cut}: {missing:?}");
    }
}

/// Good code under another component's name is as bad as bad code.
#[tokio::test]
async fn a_file_of_another_component_is_not_used() {
    let (host, _, digest) = installed().await;
    let own = file(&host);
    let other = Host::new();
    other.install(&Guest::reader().page_of(2, 1).build()).await;
    fs::copy(file(&other), &own).unwrap();
    let missing = read(&restarted(&host, None), &digest).await;
    assert!(matches!(missing, Err(Fault::Missing(_))), "{missing:?}");
}

#[tokio::test]
async fn a_file_made_with_another_key_is_not_used() {
    let (host, _, digest) = installed().await;
    let other = Host::over(host.cache.clone(), None, |settings| settings.cache_key = [8; 32]);
    assert!(matches!(read(&other, &digest).await, Err(Fault::Missing(_))));
}

#[tokio::test]
async fn stored_bytes_that_differ_from_the_digest_are_not_loaded() {
    let component = Guest::reader().page_of(1, 1).build();
    let mut edited = component.clone();
    *edited.last_mut().unwrap() ^= 1;
    let host = Host::with(Some(edited), |_| {});
    assert_eq!(read(&host, &Digest::of(&component)).await, Err(Fault::DigestMismatch));
}

#[tokio::test]
async fn many_who_ask_at_once_wait_for_one_load() {
    let component = Guest::reader().page_of(1, 1).build();
    let digest = Digest::of(&component);
    let host = Arc::new(Host::with(Some(component), |_| {}));
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let (host, digest) = (host.clone(), digest.clone());
            tokio::spawn(async move { read(&host, &digest).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), Ok(()));
    }
}
