//! The compile process's outside: starts it, feeds it, takes its outcome, ends it in time.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use grantry_model::text::printable;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use super::child::{
    COMPILED, CPU_SECONDS_VARIABLE, FEATURE_NOT_ALLOWED, INVALID, MEMORY_BYTES_VARIABLE,
};
use super::{CompileError, CompileProcess, Compiled};

/// Compile processes that may run at a time: each uses all cores it gets.
static PERMITS: Semaphore = Semaphore::const_new(2);
/// Wall time per second of processor time: the process runs at low priority.
const WALL_FACTOR: u64 = 4;
/// Machine code may be this much larger than the component, plus [`ARTIFACT_BYTES_MIN`].
const ARTIFACT_FACTOR: usize = 16;
const ARTIFACT_BYTES_MIN: usize = 16 * 1024 * 1024;
const MESSAGE_CHARACTERS_MAX: usize = 400;

pub(super) async fn compile(
    process: &CompileProcess,
    component: Arc<[u8]>,
) -> Result<Compiled, CompileError> {
    let unavailable = |error: std::io::Error| CompileError::Unavailable(error.to_string());
    let permit = PERMITS.acquire().await;
    let _permit = permit.map_err(|_| CompileError::Unavailable("shutting down".to_owned()))?;
    let cpu_seconds = process.cpu_seconds(component.len());
    let mut child = start(process, cpu_seconds).map_err(unavailable)?;
    let wall = Duration::from_secs(cpu_seconds.saturating_mul(WALL_FACTOR));
    match tokio::time::timeout(wall, talk(&mut child, component)).await {
        Ok(outcome) => outcome.map_err(unavailable)?,
        Err(_) => {
            child.kill().await.map_err(unavailable)?;
            Err(CompileError::Limit)
        }
    }
}

fn start(process: &CompileProcess, cpu_seconds: u64) -> std::io::Result<Child> {
    Command::new(&process.program)
        .args(&process.args)
        .env_clear()
        // Few arenas: each reserves address space, which is limited.
        .env("MALLOC_ARENA_MAX", "2")
        .env(CPU_SECONDS_VARIABLE, cpu_seconds.to_string())
        .env(MEMORY_BYTES_VARIABLE, process.memory_bytes_max.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}

async fn talk(
    child: &mut Child,
    component: Arc<[u8]>,
) -> std::io::Result<Result<Compiled, CompileError>> {
    let output_max = component.len().saturating_mul(ARTIFACT_FACTOR) + ARTIFACT_BYTES_MIN;
    let stdin = child.stdin.take();
    let feed = async move {
        if let Some(mut stdin) = stdin {
            // The process may die while it reads; its status says more than this error.
            let _ = stdin.write_all(&component).await;
        }
    };
    let stdout = child.stdout.take();
    let take = async move {
        let mut output = Vec::new();
        if let Some(stdout) = stdout {
            let limit = u64::try_from(output_max).unwrap_or(u64::MAX);
            stdout.take(limit).read_to_end(&mut output).await?;
        }
        Ok::<_, std::io::Error>(output)
    };
    let ((), output) = tokio::join!(feed, take);
    let status = child.wait().await?;
    Ok(outcome(status, output?))
}

/// A process that ended by a signal, or by a panic of the compiler, reached a limit.
fn outcome(status: ExitStatus, mut output: Vec<u8>) -> Result<Compiled, CompileError> {
    if status.code() == Some(2) {
        return Err(CompileError::Unavailable("it could not begin".to_owned()));
    }
    if !status.success() {
        return Err(CompileError::Limit);
    }
    let text = |bytes: &[u8]| printable(&String::from_utf8_lossy(bytes), MESSAGE_CHARACTERS_MAX);
    match output.split_first() {
        Some((&COMPILED, rest)) => {
            let Some((count, _)) = rest.split_first_chunk::<4>() else {
                return Err(CompileError::Unavailable("its output is cut off".to_owned()));
            };
            let core_instances = u32::from_le_bytes(*count);
            Ok(Compiled { artifact: output.split_off(5), core_instances })
        }
        Some((&FEATURE_NOT_ALLOWED, rest)) => Err(CompileError::Feature(text(rest))),
        Some((&INVALID, rest)) => Err(CompileError::Invalid(text(rest))),
        _ => Err(CompileError::Unavailable("it does not speak our protocol".to_owned())),
    }
}
