//! What is refused at install, each with its code (security notes rows 27 to 30).

use grantry_model::package::{Interface, PackageInspector, PackageRejection};
use grantry_runtime::{CompileProcess, Compiler};

use crate::support::guest::Guest;
use crate::support::memory::TestManifest;
use crate::support::{Host, compile_process};

async fn rejection(bytes: &[u8]) -> PackageRejection {
    Host::new().inspector.inspect(bytes).await.expect_err("is refused")
}

async fn code(bytes: &[u8]) -> &'static str {
    rejection(bytes).await.code()
}

async fn compiled_apart(
    component: &[u8],
    change: impl FnOnce(&mut CompileProcess),
) -> Result<(), PackageRejection> {
    let mut process = compile_process();
    change(&mut process);
    let host = Host::with(None, |settings| settings.compiler = Compiler::Process(process));
    host.inspector.inspect(component).await.map(drop)
}

#[tokio::test]
async fn a_reader_is_accepted_and_described() {
    let component = Guest::reader().build();
    let process = Compiler::Process(compile_process());
    let host = Host::with(None, |settings| settings.compiler = process);

    let report = host.inspector.inspect(&component).await.unwrap();

    assert_eq!(report.interfaces, [Interface::Lifecycle, Interface::Aggregate]);
    assert_eq!(report.contract, "0.1.0");
    assert_eq!(report.manifest.name, "hand-made");
    assert_eq!(report.manifest.auth[0].name, "token");
    assert_eq!(report.size_bytes, u64::try_from(component.len()).unwrap());
}

#[tokio::test]
async fn what_a_plugin_can_do_is_read_from_its_exports() {
    let host = Host::new();
    let provisioner = host.install(&Guest::provisioner().build()).await.interfaces;
    assert_eq!(provisioner, [Interface::Lifecycle, Interface::Aggregate, Interface::Provision]);
    let step = host.install(&Guest::step().build()).await.interfaces;
    assert_eq!(step, [Interface::Lifecycle, Interface::StepLogic]);
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
    let precompiled = wasmtime::Engine::default().precompile_component(&component).unwrap();
    assert_eq!(code(&precompiled).await, "not_a_component");
}

#[tokio::test]
async fn an_invalid_component_is_refused() {
    let component = Guest::reader().build_with("(core module (func (result i32)))");
    assert_eq!(code(&component).await, "not_a_component");
}

#[tokio::test]
async fn a_component_over_the_limit_is_refused() {
    let component = Guest::reader().build();
    let host = Host::with(None, |settings| settings.component_bytes_max = 1_000);
    let rejection = host.inspector.inspect(&component).await.unwrap_err();
    assert_eq!(rejection, PackageRejection::TooLarge(1_000));
}

#[tokio::test]
async fn imports_outside_the_list_are_refused_by_name() {
    for import in [
        "wasi:http/outgoing-handler@0.2.0",
        "wasi:http/types@0.2.3",
        "wasi:sockets/tcp@0.2.0",
        "wasi:sockets/instance-network@0.2.0",
        "wasi:clocks/wall-clock@0.3.0",
        "wasi:keyvalue/store@0.2.0",
        "grantry:plugin/http@0.2.0",
        "grantry:plugin/http@1.0.0",
        "grantry:plugin/files@0.1.0",
        "grantry:plugin/aggregate@0.1.0",
        "grantry:host/http@0.1.0",
        "evil:host/backdoor@0.1.0",
    ] {
        let component = Guest::reader().build_with(&format!("(import \"{import}\" (instance))"));
        let rejection = rejection(&component).await;
        assert_eq!(rejection, PackageRejection::ImportNotAllowed(import.to_owned()));
    }
    let component = Guest::reader().build_with(r#"(import "bare" (func))"#);
    assert_eq!(code(&component).await, "plugin_import_not_allowed");
}

/// Not only the name has to be known: each function, and its type.
#[tokio::test]
async fn functions_outside_the_contract_are_refused() {
    for functions in
        [r#"(export "send-quietly" (func))"#, r#"(export "now-ms" (func (result string)))"#]
    {
        let import = format!("(import \"grantry:plugin/run@0.1.0\" (instance {functions}))");
        let component = Guest::reader().build_with(&import);
        assert_eq!(code(&component).await, "plugin_import_not_allowed", "{functions}");
    }
    // Types of `lifecycle` may be imported, its functions may not.
    let describe = r#"(import "grantry:plugin/lifecycle@0.1.0"
        (instance (export "describe" (func (result string)))))"#;
    let component = Guest::reader().build_with(describe);
    assert_eq!(code(&component).await, "plugin_import_not_allowed");
}

#[tokio::test]
async fn wasi_of_language_runtimes_is_accepted_without_sockets() {
    for import in [
        r#"(import "wasi:random/insecure-seed@0.2.0"
            (instance (export "insecure-seed" (func (result (tuple u64 u64))))))"#,
        r#"(import "wasi:cli/environment@0.2.3"
            (instance (export "get-arguments" (func (result (list string))))))"#,
    ] {
        Host::new().install(&Guest::reader().build_with(import)).await;
    }
    let sockets = r#"(import "wasi:sockets/instance-network@0.2.0" (instance))"#;
    let component = Guest::reader().build_with(sockets);
    Host::with(None, |settings| settings.accepts_inert_sockets = true).install(&component).await;
}

#[tokio::test]
async fn another_version_of_the_contract_is_refused() {
    let text = wasmprinter::print_bytes(Guest::reader().build()).unwrap();
    let newer = wat::parse_str(text.replace("@0.1.0", "@0.2.0")).unwrap();
    assert_eq!(code(&newer).await, "plugin_import_not_allowed");
    let component = wat::parse_str("(component)").unwrap();
    assert_eq!(code(&component).await, "plugin_manifest_invalid");
}

/// Language runtimes come as several parts with wasmtime's adapters between them, which use more
/// WebAssembly than a guest may.
#[tokio::test]
async fn a_component_of_several_parts_is_accepted() {
    let parts = r#"(component $callee
            (core module $m
                (memory (export "memory") 1)
                (func (export "f") (param i32 i32))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
            (core instance $i (instantiate $m))
            (func (export "f") (param "text" string)
                (canon lift (core func $i "f") (memory (core memory $i "memory"))
                    (realloc (core func $i "realloc")))))
        (component $caller
            (import "f" (func $f (param "text" string)))
            (core module $own (memory (export "memory") 1))
            (core instance $i (instantiate $own))
            (core func $g (canon lower (func $f) (memory (core memory $i "memory"))))
            (core module $m
                (import "" "f" (func $f (param i32 i32)))
                (func $begin (call $f (i32.const 0) (i32.const 9)))
                (start $begin))
            (core instance (instantiate $m (with "" (instance (export "f" (func $g)))))))
        (instance $callee (instantiate $callee))
        (instance (instantiate $caller (with "f" (func $callee "f"))))"#;
    Host::new().install(&Guest::reader().build_with(parts)).await;
}

/// An interface counts as exported only if it is all there, with the contract's types.
#[tokio::test]
async fn an_interface_that_is_not_the_contracts_is_refused() {
    let nothing = r#"(instance $none) (export "grantry:plugin/changes@0.1.0" (instance $none))"#;
    let other_types = r#"(core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f")))
        (instance $changes
            (export "feeds" (func $f)) (export "latest" (func $f))
            (export "poll" (func $f)) (export "decode-push" (func $f)))
        (export "grantry:plugin/changes@0.1.0" (instance $changes))"#;
    for wat in [nothing, other_types] {
        let rejection = rejection(&Guest::reader().build_with(wat)).await;
        assert_eq!(rejection.code(), "plugin_manifest_invalid", "{rejection:?}");
    }
}

#[tokio::test]
async fn features_that_are_off_are_refused() {
    for (what, wat) in [
        ("threads", "(core module (memory 1 1 shared))"),
        ("64-bit memory", "(core module (memory i64 1))"),
        ("several memories", "(core module (memory 1) (memory 1))"),
        ("exceptions", "(core module (tag))"),
        ("garbage collection", "(core module (type (struct)))"),
        ("typed references", "(core module (type $f (func)) (func (param (ref $f))))"),
        ("tail calls", "(core module (func $f (return_call $f)))"),
        (
            "relaxed SIMD",
            "(core module (func (param v128 v128) (result v128)
            (i8x16.relaxed_swizzle (local.get 0) (local.get 1))))",
        ),
        ("page sizes", "(core module (memory 1 (pagesize 1)))"),
        (
            "wide arithmetic",
            "(core module (func (param i64 i64) (result i64 i64)
            (i64.mul_wide_u (local.get 0) (local.get 1))))",
        ),
        ("async", "(core func (canon task.cancel))"),
        ("streams", "(type (stream u8))"),
        ("futures", "(type (future u8))"),
    ] {
        let text = wasmprinter::print_bytes(Guest::reader().build()).unwrap();
        let end = text.rfind(')').unwrap();
        let Ok(component) = wat::parse_str(format!("{}{wat})", &text[..end])) else {
            panic!("{what} cannot be written");
        };
        assert_eq!(code(&component).await, "plugin_feature_not_allowed", "{what}");
    }
}

/// One function with very many locals: register allocation does not scale with them.
fn compile_bomb() -> Vec<u8> {
    let locals = "(local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)".repeat(2_000);
    let mut body = String::new();
    for index in 0..20_000 {
        body.push_str(&format!(
            "(local.set {index} (i64.add (local.get {}) (local.get {})))
             (br_if 0 (i64.eqz (local.get {index})))",
            (index * 7_919 + 13) % 20_000,
            (index * 104_729 + 7) % 20_000,
        ));
    }
    Guest::reader().with(&format!("(func {locals} (block (loop {body})))")).build()
}

#[tokio::test]
async fn a_compile_bomb_ends_at_its_processor_limit() {
    let bomb = compile_bomb();
    let began = std::time::Instant::now();
    let refused = compiled_apart(&bomb, |process| process.cpu_seconds_min = 1).await;
    assert_eq!(refused, Err(PackageRejection::CompileLimit));
    assert!(began.elapsed().as_secs() < 30);
}

#[tokio::test]
async fn a_compile_bomb_ends_at_its_memory_limit() {
    let bomb = compile_bomb();
    let refused = compiled_apart(&bomb, |process| {
        process.memory_bytes_max = 48 * 1024 * 1024;
    });
    assert_eq!(refused.await, Err(PackageRejection::CompileLimit));
}

#[tokio::test]
async fn without_a_compile_process_nothing_is_installed() {
    let component = Guest::reader().build();
    let refused = compiled_apart(&component, |process| process.program = "/nonexistent".into());
    assert_eq!(refused.await.unwrap_err().code(), "plugin_check_unavailable");
}

#[tokio::test]
async fn describe_runs_within_limits_and_without_capability() {
    for body in ["(loop (br 0)) unreachable", "unreachable", "(i32.const 0x7ffffff0)"] {
        let component = Guest::reader().function("describe", body).build();
        let host = Host::with(None, |settings| settings.limits.cpu_ms = 100);
        let rejection = host.inspector.inspect(&component).await.unwrap_err();
        assert_eq!(rejection.code(), "plugin_manifest_invalid", "{body}");
    }
}

async fn with_manifest(change: impl FnOnce(&mut TestManifest)) -> Result<(), PackageRejection> {
    let component = Guest::reader().manifest(change).build();
    Host::new().inspector.inspect(&component).await.map(drop)
}

#[tokio::test]
async fn manifests_that_make_no_sense_are_refused() {
    type Change = fn(&mut TestManifest);
    let changes: [(&str, Change); 11] = [
        ("name", |m| m.name = "Upper Case".to_owned()),
        ("empty name", |m| m.name = String::new()),
        ("version", |m| m.version = "1.0".to_owned()),
        ("version text", |m| m.version = "1.0.0\u{202e}".to_owned()),
        ("schema", |m| m.schema = "{".to_owned()),
        ("schema type", |m| m.schema = "true".to_owned()),
        ("example", |m| m.example = "nothing".to_owned()),
        ("example type", |m| m.example = "[]".to_owned()),
        ("pointer", |m| m.secret_pointer = "/nowhere".to_owned()),
        ("not writeOnly", |m| m.secret_pointer = "/url".to_owned()),
        ("host pointer", |m| m.host = "/nowhere".to_owned()),
    ];
    for (what, change) in changes {
        let refused = with_manifest(change).await.expect_err(what);
        assert_eq!(refused.code(), "plugin_manifest_invalid", "{what}");
    }
    assert!(with_manifest(|_| {}).await.is_ok());
}
