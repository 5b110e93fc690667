//! The compile process's inside: takes limits upon itself, reads a component from standard input,
//! writes the outcome to standard output.

use std::io::{Read, Write};
use std::process::ExitCode;

use grantry_model::text::printable;
use rustix::process::{Resource, Rlimit, setrlimit};
use wasmparser::{Instance, Parser, Payload, Validator, WasmFeatures};

use super::{CompileError, Compiled, compile_engine};
use crate::engine::guest_features;

/// Seconds of processor time, set by the parent.
pub(super) const CPU_SECONDS_VARIABLE: &str = "GRANTRY_COMPILE_CPU_SECONDS";
/// Bytes of memory, set by the parent.
pub(super) const MEMORY_BYTES_VARIABLE: &str = "GRANTRY_COMPILE_MEMORY_BYTES";

/// First byte of the outcome.
pub(super) const COMPILED: u8 = 0;
pub(super) const FEATURE_NOT_ALLOWED: u8 = 1;
pub(super) const INVALID: u8 = 2;

/// Address space per byte of memory: code, stacks of threads and the allocator's arenas take
/// address space without using memory.
const ADDRESS_SPACE_FACTOR: u64 = 4;
const MESSAGE_CHARACTERS_MAX: usize = 300;
/// How much lower than the host the process runs.
const NICENESS: i32 = 10;

/// The whole of the compile process: limits, then input, then output. Exits with 0 when there is an
/// outcome (also a refusal), with 2 when it could not begin.
pub fn compile_main() -> ExitCode {
    if limit_self().is_err() {
        return ExitCode::from(2);
    }
    let mut component = Vec::new();
    if std::io::stdin().lock().read_to_end(&mut component).is_err() {
        return ExitCode::from(2);
    }
    match write_outcome(compile(&component)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(2),
    }
}

fn limit_self() -> Result<(), rustix::io::Errno> {
    let limit = |value: u64| Rlimit { current: Some(value), maximum: Some(value) };
    setrlimit(Resource::Core, limit(0))?;
    if let Some(seconds) = number(CPU_SECONDS_VARIABLE) {
        setrlimit(Resource::Cpu, limit(seconds))?;
    }
    if let Some(bytes) = number(MEMORY_BYTES_VARIABLE) {
        setrlimit(Resource::Data, limit(bytes))?;
        setrlimit(Resource::As, limit(bytes.saturating_mul(ADDRESS_SPACE_FACTOR)))?;
    }
    rustix::process::nice(NICENESS).map(drop)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn write_outcome(outcome: Result<Compiled, CompileError>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match outcome {
        Ok(compiled) => {
            out.write_all(&[COMPILED])?;
            out.write_all(&compiled.core_instances.to_le_bytes())?;
            out.write_all(&compiled.artifact)?;
        }
        Err(CompileError::Feature(text)) => {
            out.write_all(&[FEATURE_NOT_ALLOWED])?;
            out.write_all(text.as_bytes())?;
        }
        Err(error) => {
            out.write_all(&[INVALID])?;
            out.write_all(error.to_string().as_bytes())?;
        }
    }
    out.flush()
}

/// Compiles under whatever limits this process has.
pub(super) fn compile(component: &[u8]) -> Result<Compiled, CompileError> {
    validate(component)?;
    let engine = compile_engine()?;
    let artifact = engine.precompile_component(component);
    let artifact = artifact.map_err(|error| CompileError::Invalid(shown(&format!("{error:#}"))))?;
    Ok(Compiled { artifact, core_instances: core_instances(component) })
}

/// A component that is valid once every feature is on is refused for a feature.
fn validate(component: &[u8]) -> Result<(), CompileError> {
    let valid = Validator::new_with_features(guest_features()).validate_all(component);
    let Err(error) = valid else { return Ok(()) };
    let text = shown(&error.to_string());
    match Validator::new_with_features(WasmFeatures::all()).validate_all(component) {
        Ok(_) => Err(CompileError::Feature(text)),
        Err(_) => Err(CompileError::Invalid(text)),
    }
}

fn shown(text: &str) -> String {
    printable(text, MESSAGE_CHARACTERS_MAX)
}

/// Core instances that the component and those inside it make, each counted once.
fn core_instances(component: &[u8]) -> u32 {
    let payloads = Parser::new(0).parse_all(component).map_while(Result::ok);
    let made = payloads.filter_map(|payload| match payload {
        Payload::InstanceSection(section) => Some(section),
        _ => None,
    });
    let made = made.flat_map(|section| section.into_iter().map_while(Result::ok));
    let count = made.filter(|instance| matches!(instance, Instance::Instantiate { .. })).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}
