//! Writes `sdk/rust/src/bindings.rs` from `wit/`, or checks that the file is what `wit/` says.
//!
//! The generator is costly to compile, so it sits behind the feature `bindings`. Besides the types it
//! emits one macro for each interface that a plugin can export, which carries the component type of
//! just this interface: so a plugin exports only what it implements.

use std::path::Path;

use anyhow::Result;

const FILE: &str = "sdk/rust/src/bindings.rs";

/// Writes the file.
pub fn write(root: &Path) -> Result<()> {
    std::fs::write(root.join(FILE), generate(root)?)?;
    println!("wrote {FILE}");
    Ok(())
}

/// Fails if the file differs from what would be written.
pub fn check(root: &Path) -> Result<()> {
    let expected = generate(root)?;
    let found = std::fs::read_to_string(root.join(FILE)).unwrap_or_default();
    anyhow::ensure!(
        found == expected,
        "{FILE} is not what wit/ says; run `cargo run -p xtask --features bindings -- plugins --bindings`"
    );
    println!("{FILE} is what wit/ says");
    Ok(())
}

#[cfg(not(feature = "bindings"))]
fn generate(_: &Path) -> Result<String> {
    anyhow::bail!("built without the generator; add `--features bindings` after `-p xtask`")
}

#[cfg(feature = "bindings")]
use generator::generate;

#[cfg(feature = "bindings")]
mod generator {
    use std::fmt::Write as _;
    use std::path::Path;

    use anyhow::{Context, Result};
    use wit_bindgen_core::wit_parser::{Resolve, WorldItem, WorldKey};
    use wit_bindgen_core::{Files, WorldGenerator as _};
    use wit_bindgen_rust::Opts;
    use wit_component::StringEncoding;

    /// The world that has every interface.
    const WORLD: &str = "everything";
    const HEADER: &str = "\
//! The contract of `wit/` in Rust. Generated: change `wit/` and run
//! `cargo run -p xtask --features bindings -- plugins --bindings`.

";

    pub fn generate(root: &Path) -> Result<String> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(root.join("wit")).context("could not read wit/")?;
        let world = resolve.select_world(&[package], Some(WORLD))?;

        let options = Opts {
            pub_export_macro: true,
            disable_run_ctors_once_workaround: true,
            additional_derive_attributes: vec!["PartialEq".into()],
            ..Opts::default()
        };
        let mut files = Files::default();
        options.build().generate(&mut resolve, world, &mut files)?;
        let (_, source) = files.iter().next().context("the generator wrote nothing")?;
        let source = String::from_utf8(source.to_vec())?;

        let mut text = HEADER.to_owned();
        text.push_str(&unindent(&without_whole_world_export(&source)?));
        let exports: Vec<WorldKey> = resolve.worlds[world].exports.keys().cloned().collect();
        for export in exports {
            write_export_macro(&mut text, &mut resolve, &export)?;
        }
        Ok(text)
    }

    /// Cuts the generator's own `export!`, which exports all interfaces at once.
    fn without_whole_world_export(source: &str) -> Result<String> {
        let end_mark = format!("pub use __export_{WORLD}_impl as export;\n");
        let middle = source
            .find(&format!("macro_rules! __export_{WORLD}_impl"))
            .context("no export macro")?;
        let start =
            source[..middle].rfind("/// Generates `#[unsafe(no_mangle)]`").context("no start")?;
        let end = source.find(&end_mark).context("no end of the export macro")? + end_mark.len();
        Ok(format!("{}{}", &source[..start], &source[end..]))
    }

    /// Nobody reads the lifting code: without its indentation the file is a quarter of the size.
    fn unindent(source: &str) -> String {
        source.lines().flat_map(|line| [line.trim_start(), "\n"]).collect()
    }

    /// A macro that exports one interface of a type and says so in a custom section.
    fn write_export_macro(
        text: &mut String,
        resolve: &mut Resolve,
        export: &WorldKey,
    ) -> Result<()> {
        let WorldKey::Interface(interface) = export else {
            anyhow::bail!("an export without interface")
        };
        let name =
            resolve.interfaces[*interface].name.clone().context("an interface without name")?;
        let full = resolve.name_world_key(export);
        let section = component_type(resolve, &name, &full)?;

        let module = name.replace('-', "_");
        let cabi: String =
            full.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        write!(
            text,
            "
/// Exports `{full}` of a type.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_{module} {{
    ($plugin:ident) => {{
        $crate::bindings::exports::grantry::plugin::{module}::__export_{cabi}_cabi!(
            $plugin with_types_in $crate::bindings::exports::grantry::plugin::{module}
        );
        const _: () = {{
            #[unsafe(link_section = \"component-type:grantry:{name}\")]
            static SECTION: [u8; {}] = *b\"{}\";
        }};
    }};
}}
",
            section.len(),
            section.escape_ascii()
        )?;
        Ok(())
    }

    /// The encoded world that exports this one interface.
    fn component_type(resolve: &mut Resolve, name: &str, full: &str) -> Result<Vec<u8>> {
        let text = format!("package grantry:export-{name};\nworld only {{ export {full}; }}\n");
        let package = resolve.push_str(format!("{name}.wit"), &text)?;
        let world = resolve.select_world(&[package], Some("only"))?;
        debug_assert!(matches!(
            resolve.worlds[world].exports.values().next(),
            Some(WorldItem::Interface { .. })
        ));
        wit_component::metadata::encode(resolve, world, StringEncoding::UTF8, None, false)
    }
}
