//! What is refused at install, each with its code (security notes rows 27 to 30).

use grantry_model::package::{Interface, PackageInspector, PackageRejection};

use crate::support::guest::Guest;
use crate::support::{Host, compile_process};

async fn code(bytes: &[u8]) -> &'static str {
    rejection(bytes).await.code()
}

async fn rejection(bytes: &[u8]) -> PackageRejection {
    Host::new().inspector.inspect(bytes).await.expect_err("is refused")
}

#[tokio::test]
async fn a_reader_is_accepted_and_described() {
    let component = Guest::reader().build();
    let host = Host::with(None, |settings| settings.compiler = compile_process());

    let report = host.inspector.inspect(&component).await.unwrap();

    assert_eq!(report.interfaces, [Interface::Lifecycle, Interface::Aggregate]);
    assert_eq!(report.contract, "0.1.0");
    assert_eq!(report.manifest.name, "hand-made");
    assert_eq!(report.manifest.auth[0].name, "token");
    assert_eq!(report.size_bytes, u64::try_from(component.len()).unwrap());
}

#[tokio::test]
async fn what_is_no_component_is_refused() {
    assert_eq!(code(b"").await, "not_a_component");
    assert_eq!(code(b"(component)").await, "not_a_component");
    assert_eq!(code(b"  \n(module)").await, "not_a_component");
    assert_eq!(code(b"\x7fELF\x02\x01\x01rest").await, "not_a_component");
    assert_eq!(code(b"hello").await, "not_a_component");
    assert_eq!(code(&wat::parse_str("(module)").unwrap()).await, "not_a_component");
    let component = Guest::reader().build();
    assert_eq!(code(&component[..component.len() - 40]).await, "not_a_component");
}
