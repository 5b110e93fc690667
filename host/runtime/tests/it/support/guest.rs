//! Components from hand-written core modules: hostile ones are easy to write that way.
//!
//! A guest begins as a well-behaved reader whose `describe` returns a manifest that lies in its
//! memory; tests replace functions and add others.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::memory::{Memory, TestManifest, page};

/// Where the guest's data lies; below is free for the test's own.
const DATA: u32 = 65_536;

const LIFECYCLE: &str = "grantry:plugin/lifecycle@0.1.0";
const AGGREGATE: &str = "grantry:plugin/aggregate@0.1.0";
const PROVISION: &str = "grantry:plugin/provision@0.1.0";
const STEP: &str = "grantry:plugin/step-logic@0.1.0";

pub struct Guest {
    world: &'static str,
    bodies: BTreeMap<&'static str, String>,
    imports: String,
    extra: String,
    realloc: String,
    pages: u32,
    memory: Memory,
    manifest: TestManifest,
}

/// Interface, function, parameters (flattened). All return an address.
type Signature = (&'static str, &'static str, &'static str);
const LIFECYCLE_FUNCTIONS: [Signature; 5] = [
    (LIFECYCLE, "describe", ""),
    (LIFECYCLE, "validate-config", "i32 i32"),
    (LIFECYCLE, "suggest-config", "i32 i32 i32 i32 i32 i32 i32 i32 i32 i32"),
    (LIFECYCLE, "test-connection", "i32"),
    (LIFECYCLE, "discover-schema", ""),
];
const AGGREGATE_FUNCTIONS: [Signature; 3] = [
    (AGGREGATE, "read-page", "i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32"),
    (AGGREGATE, "get", "i32 i32 i32 i32"),
    (AGGREGATE, "count", "i32 i32"),
];
const PROVISION_FUNCTIONS: [Signature; 5] = [
    (PROVISION, "plan", "i32"),
    (PROVISION, "apply", "i32"),
    (PROVISION, "status", "i32 i32"),
    (PROVISION, "verify", "i32"),
    (PROVISION, "actions", ""),
];

const STEP_FUNCTIONS: [Signature; 2] = [
    (STEP, "run-step", "i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32"),
    (STEP, "compensate", "i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32"),
];

fn functions(world: &str) -> Vec<Signature> {
    let mut functions = LIFECYCLE_FUNCTIONS.to_vec();
    match world {
        "reader" => functions.extend(AGGREGATE_FUNCTIONS),
        "provisioner" => {
            functions.extend(AGGREGATE_FUNCTIONS);
            functions.extend(PROVISION_FUNCTIONS);
        }
        "step" => functions.extend(STEP_FUNCTIONS),
        other => panic!("no functions are written down for world `{other}`"),
    }
    functions
}

impl Guest {
    /// A connector that reads.
    pub fn reader() -> Self {
        Self {
            world: "reader",
            bodies: BTreeMap::new(),
            imports: String::new(),
            extra: String::new(),
            realloc: "(local.set 4 (global.get $free))
                (global.set $free (i32.add (global.get $free)
                    (i32.and (i32.add (local.get 3) (i32.const 15)) (i32.const -16))))
                (local.get 4)"
                .to_owned(),
            pages: 40,
            memory: Memory::at(DATA),
            manifest: TestManifest::default(),
        }
    }

    /// A connector that reads and writes.
    pub fn provisioner() -> Self {
        Self { world: "provisioner", ..Self::reader() }
    }

    /// A step, which may also call the platform.
    pub fn step() -> Self {
        Self { world: "step", ..Self::reader() }
    }

    /// Replaces a function's body. Functions return an address.
    pub fn function(mut self, name: &'static str, body: &str) -> Self {
        self.bodies.insert(name, body.to_owned());
        self
    }

    /// Adds an import: `(import "grantry:plugin/…@0.1.0" "…" (func …))`.
    pub fn import(mut self, interface: &str, function: &str, signature: &str) -> Self {
        writeln!(
            self.imports,
            "(import \"grantry:plugin/{interface}@0.1.0\" \"{function}\" \
             (func ${function} {signature}))"
        )
        .unwrap();
        self
    }

    /// Adds anything else to the module.
    pub fn with(mut self, wat: &str) -> Self {
        self.extra.push_str(wat);
        self
    }

    pub fn realloc(mut self, body: &str) -> Self {
        self.realloc = body.to_owned();
        self
    }

    pub fn memory_pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    pub fn manifest(mut self, change: impl FnOnce(&mut TestManifest)) -> Self {
        change(&mut self.manifest);
        self
    }

    /// Its `read-page` returns a page of this many objects.
    pub fn page_of(mut self, objects: u32, attributes: u32) -> Self {
        let address = page(&mut self.memory, objects, attributes);
        self.function("read-page", &format!("(i32.const {address})"))
    }

    /// Puts text into memory; returns address and length as two constants.
    pub fn text(&mut self, text: &str) -> String {
        let address = self.memory.put(text.as_bytes());
        format!("(i32.const {address}) (i32.const {})", text.len())
    }

    /// Puts bytes into memory; returns their address.
    pub fn bytes(&mut self, bytes: &[u8]) -> u32 {
        self.memory.put(bytes)
    }

    /// The core module's text.
    fn wat(&mut self) -> String {
        let manifest = self.manifest.lower(&mut self.memory);
        let describe = format!("(i32.const {manifest})");
        self.bodies.entry("describe").or_insert(describe);
        let mut wat = format!("(module {}\n", self.imports);
        let free = DATA + u32::try_from(self.memory.bytes.len()).unwrap().next_multiple_of(16);
        let pages = self.pages.max((free + 4 * 65_536) / 65_536);
        writeln!(wat, "(memory (export \"memory\") {pages})").unwrap();
        writeln!(wat, "(global $free (mut i32) (i32.const {free}))").unwrap();
        writeln!(
            wat,
            "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (local i32) {})",
            self.realloc
        )
        .unwrap();
        for (interface, name, parameters) in functions(self.world) {
            let body = self.bodies.get(name).map_or("unreachable", String::as_str);
            let parameters: String =
                parameters.split_whitespace().map(|ty| format!("(param {ty})")).collect();
            writeln!(
                wat,
                "(func (export \"{interface}#{name}\") {parameters} (result i32) {body})"
            )
            .unwrap();
        }
        let data: String = self.memory.bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        writeln!(wat, "(data (i32.const {DATA}) \"{data}\")").unwrap();
        wat.push_str(&self.extra);
        wat.push(')');
        wat
    }

    /// The component.
    pub fn build(mut self) -> Vec<u8> {
        let module = wat::parse_str(self.wat()).unwrap();
        component_of(module, self.world)
    }

    /// The component with something more in its outermost part, in the text format.
    pub fn build_with(self, component_wat: &str) -> Vec<u8> {
        let text = wasmprinter::print_bytes(self.build()).unwrap();
        let end = text.rfind(')').unwrap();
        wat::parse_str(format!("{}{component_wat})", &text[..end])).unwrap()
    }
}

/// Wraps a core module for a world of the contract.
pub fn component_of(mut module: Vec<u8>, world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");
    let (package, _) = resolve.push_path(wit).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(false).encode().unwrap()
}
