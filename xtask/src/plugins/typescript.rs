//! Writes `sdk/javascript/src/contract.ts` and `host.d.ts` from `wit/`, or checks that they are what
//! `wit/` says.
//!
//! Types are as componentize-qjs hands them over: records are objects with names in camel case, a
//! variant is `{ tag, val }`, 64-bit integers are numbers, and an option may be left out.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use wit_parser::{
    Docs, Function, InterfaceId, Resolve, Type, TypeDef, TypeDefKind, TypeId, TypeOwner,
};

/// The world that has every interface.
const WORLD: &str = "everything";
const HEADER: &str = "\
// The contract of `wit/` in TypeScript. Generated: change `wit/` and run
// `cargo run -p xtask --features bindings -- plugins --bindings`.

";

/// Writes the files.
pub fn write(root: &Path) -> Result<()> {
    for (path, text) in generate(root)? {
        std::fs::write(root.join(path), text)?;
        println!("wrote {path}");
    }
    Ok(())
}

/// Fails if a file differs from what would be written.
pub fn check(root: &Path) -> Result<()> {
    for (path, expected) in generate(root)? {
        let found = std::fs::read_to_string(root.join(path)).unwrap_or_default();
        ensure!(found == expected, "{path} is not what wit/ says; write it as its header says");
    }
    Ok(())
}

/// The paths of the generated files with what they should hold.
fn generate(root: &Path) -> Result<[(&'static str, String); 2]> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root.join("wit")).context("could not read wit/")?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    let mut contract = HEADER.to_owned();
    let mut host = HEADER.to_owned();
    for (name, interface) in &resolve.packages[package].interfaces {
        write_namespace(&mut contract, &resolve, name, *interface)?;
        let is_of = |key: &wit_parser::WorldKey| matches!(key, wit_parser::WorldKey::Interface(id) if id == interface);
        let is_imported = resolve.worlds[world].imports.keys().any(is_of);
        if is_imported && !resolve.interfaces[*interface].functions.is_empty() {
            let full = resolve.id_of(*interface).context("an interface without name")?;
            write_module(&mut host, &resolve, &full, *interface)?;
        }
    }
    Ok([("sdk/javascript/src/contract.ts", contract), ("sdk/javascript/src/host.d.ts", host)])
}

/// The types of an interface, and what exports it.
fn write_namespace(out: &mut String, resolve: &Resolve, name: &str, id: InterfaceId) -> Result<()> {
    let interface = &resolve.interfaces[id];
    write_docs(out, "", &interface.docs);
    writeln!(out, "export declare namespace {} {{", pascal(name))?;
    for (name, id) in &interface.types {
        write_type(out, resolve, name, &resolve.types[*id])?;
    }
    if !interface.functions.is_empty() {
        writeln!(out, "  interface Functions {{")?;
        for function in interface.functions.values() {
            write_docs(out, "    ", &function.docs);
            let signature = signature(resolve, function, id, ": ")?;
            writeln!(out, "    {}{signature};", camel(&function.name))?;
        }
        writeln!(out, "  }}")?;
    }
    Ok(writeln!(out, "}}\n")?)
}

/// What the host offers under the name of an interface.
fn write_module(out: &mut String, resolve: &Resolve, full: &str, id: InterfaceId) -> Result<()> {
    let interface = &resolve.interfaces[id];
    writeln!(out, "declare module \"{full}\" {{")?;
    let name = pascal(interface.name.as_deref().unwrap_or_default());
    for function in interface.functions.values() {
        let function = camel(&function.name);
        // `delete` is a word of the language: the name that is exported may be one, a constant's not.
        writeln!(
            out,
            "  const {function}_: import(\"./contract.ts\").{name}.Functions[\"{function}\"];"
        )?;
        writeln!(out, "  export {{ {function}_ as {function} }};")?;
    }
    Ok(writeln!(out, "}}\n")?)
}

fn write_type(out: &mut String, resolve: &Resolve, name: &str, of: &TypeDef) -> Result<()> {
    let TypeOwner::Interface(here) = of.owner else { bail!("`{name}` is in no interface") };
    let name = pascal(name);
    // Named from its own interface instead.
    if let TypeDefKind::Type(Type::Id(other)) = of.kind
        && resolve.types[other].owner != of.owner
    {
        return Ok(());
    }
    write_docs(out, "  ", &of.docs);
    match &of.kind {
        TypeDefKind::Record(record) => {
            writeln!(out, "  interface {name} {{")?;
            for field in &record.fields {
                write_docs(out, "    ", &field.docs);
                let mark = if is_option(resolve, &field.ty) { "?" } else { "" };
                let of = spelled(resolve, &field.ty, here)?;
                writeln!(out, "    {}{mark}: {of};", camel(&field.name))?;
            }
            writeln!(out, "  }}")?;
        }
        TypeDefKind::Flags(flags) => {
            writeln!(out, "  interface {name} {{")?;
            for flag in &flags.flags {
                write_docs(out, "    ", &flag.docs);
                writeln!(out, "    {}?: boolean;", camel(&flag.name))?;
            }
            writeln!(out, "  }}")?;
        }
        TypeDefKind::Variant(variant) => {
            writeln!(out, "  type {name} =")?;
            for case in &variant.cases {
                write_docs(out, "    ", &case.docs);
                let value = match &case.ty {
                    Some(ty) if is_option(resolve, ty) => {
                        format!("; val?: {}", spelled(resolve, ty, here)?)
                    }
                    Some(ty) => format!("; val: {}", spelled(resolve, ty, here)?),
                    None => String::new(),
                };
                writeln!(out, "    | {{ tag: \"{}\"{value} }}", case.name)?;
            }
            writeln!(out, "    ;")?;
        }
        TypeDefKind::Enum(cases) => {
            let cases: Vec<String> =
                cases.cases.iter().map(|case| format!("\"{}\"", case.name)).collect();
            writeln!(out, "  type {name} = {};", cases.join(" | "))?;
        }
        kind => writeln!(out, "  type {name} = {};", spelled_kind(resolve, kind, here)?)?,
    }
    Ok(())
}

/// `(a: string): number`. The error of a result is thrown.
fn signature(resolve: &Resolve, of: &Function, here: InterfaceId, arrow: &str) -> Result<String> {
    let mut parameters = Vec::new();
    for parameter in &of.params {
        let ty = spelled(resolve, &parameter.ty, here)?;
        parameters.push(format!("{}: {ty}", camel(&parameter.name)));
    }
    let answer = match &of.result {
        None => "void".to_owned(),
        Some(Type::Id(id)) => match &resolve.types[*id].kind {
            TypeDefKind::Result(result) => match &result.ok {
                Some(ok) => spelled(resolve, ok, here)?,
                None => "void".to_owned(),
            },
            _ => spelled(resolve, &Type::Id(*id), here)?,
        },
        Some(ty) => spelled(resolve, ty, here)?,
    };
    Ok(format!("({}){arrow}{answer}", parameters.join(", ")))
}

fn is_option(resolve: &Resolve, ty: &Type) -> bool {
    matches!(ty, Type::Id(id) if matches!(resolve.types[*id].kind, TypeDefKind::Option(_)))
}

fn spelled(resolve: &Resolve, ty: &Type, here: InterfaceId) -> Result<String> {
    Ok(match ty {
        Type::Bool => "boolean".to_owned(),
        Type::Char | Type::String => "string".to_owned(),
        Type::ErrorContext => bail!("the contract has no error contexts"),
        Type::Id(id) => return spelled_id(resolve, *id, here),
        _ => "number".to_owned(),
    })
}

fn spelled_id(resolve: &Resolve, id: TypeId, here: InterfaceId) -> Result<String> {
    let of = &resolve.types[id];
    let (Some(name), TypeOwner::Interface(owner)) = (&of.name, of.owner) else {
        return spelled_kind(resolve, &of.kind, here);
    };
    if let TypeDefKind::Type(Type::Id(other)) = of.kind
        && resolve.types[other].owner != of.owner
    {
        return spelled_id(resolve, other, here);
    }
    if owner == here {
        return Ok(pascal(name));
    }
    let interface = resolve.interfaces[owner].name.as_deref().unwrap_or_default();
    Ok(format!("{}.{}", pascal(interface), pascal(name)))
}

fn spelled_kind(resolve: &Resolve, kind: &TypeDefKind, here: InterfaceId) -> Result<String> {
    let spelled = |ty: &Type| spelled(resolve, ty, here);
    Ok(match kind {
        TypeDefKind::List(Type::U8) => "Uint8Array".to_owned(),
        TypeDefKind::List(of) => format!("Array<{}>", spelled(of)?),
        TypeDefKind::Option(of) => format!("{} | null", spelled(of)?),
        TypeDefKind::Tuple(tuple) => {
            let types: Result<Vec<String>> = tuple.types.iter().map(spelled).collect();
            format!("[{}]", types?.join(", "))
        }
        TypeDefKind::Result(result) => {
            let case = |tag: &str, of: &Option<Type>| -> Result<String> {
                let value = of.as_ref().map(spelled).transpose()?;
                let value = value.map_or_else(String::new, |of| format!("; val: {of}"));
                Ok(format!("{{ tag: \"{tag}\"{value} }}"))
            };
            format!("{} | {}", case("ok", &result.ok)?, case("err", &result.err)?)
        }
        TypeDefKind::Type(of) => spelled(of)?,
        other => bail!("the contract has no {}", other.as_str()),
    })
}

fn write_docs(out: &mut String, indent: &str, docs: &Docs) {
    let Some(text) = &docs.contents else { return };
    let text = text.trim().replace("*/", "* /");
    if text.lines().count() == 1 {
        out.push_str(&format!("{indent}/** {text} */\n"));
        return;
    }
    out.push_str(&format!("{indent}/**\n"));
    for line in text.lines() {
        out.push_str(format!("{indent} * {line}").trim_end());
        out.push('\n');
    }
    out.push_str(&format!("{indent} */\n"));
}

/// `object-ref` as `ObjectRef`.
fn pascal(name: &str) -> String {
    let word = |word: &str| {
        let mut characters = word.chars();
        let first = characters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(characters).collect::<String>()
    };
    name.split('-').map(word).collect()
}

/// `object-ref` as `objectRef`.
fn camel(name: &str) -> String {
    let mut words = name.split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &pascal(word))
}
