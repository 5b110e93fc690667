//! Takes more of the machine than it was given.

use std::hint::black_box;

use grantry_sdk::{log, run};

const HOST_CALLS: u32 = 20_000;
const LOG_BYTES: usize = 2 << 20;
const RESULT_BYTES: usize = 16 << 20;
const CHUNK_BYTES: usize = 1 << 20;

/// Never returns.
pub fn endless_loop() -> Vec<String> {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Takes memory until the allocator gives up, which is a trap.
pub fn memory_bomb() -> Vec<String> {
    let mut chunks: Vec<Vec<u8>> = Vec::new();
    loop {
        chunks.push(black_box(vec![1; CHUNK_BYTES]));
    }
}

/// Takes memory until it is refused, and says how much it was.
pub fn memory_probe() -> Vec<String> {
    let mut chunks: Vec<Vec<u8>> = Vec::with_capacity(1 << 16);
    loop {
        let mut chunk = Vec::new();
        if chunks.len() == chunks.capacity() || chunk.try_reserve_exact(CHUNK_BYTES).is_err() {
            let mebibytes = chunks.len();
            drop(chunks);
            return vec![format!("{mebibytes} MiB")];
        }
        chunk.resize(CHUNK_BYTES, 1);
        chunks.push(black_box(chunk));
    }
}

/// Overflows the stack.
pub fn deep_recursion() -> Vec<String> {
    vec![format!("came back with {}", descend(black_box(1)))]
}

#[expect(unconditional_recursion, reason = "the point of it")]
fn descend(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    descend(black_box(depth + 1)) + frame[black_box(0)]
}

/// Calls the host more often than it allows.
pub fn host_call_storm() -> Vec<String> {
    let mut last = 0;
    for _ in 0..HOST_CALLS {
        last = run::now_ms();
    }
    vec![format!("{HOST_CALLS} calls passed, now it is {last}")]
}

/// Logs more than the host allows.
pub fn log_flood() -> Vec<String> {
    let line = "flood ".repeat(170);
    let lines = LOG_BYTES / line.len() + 1;
    for _ in 0..lines {
        log::info(&line);
    }
    vec![format!("{lines} lines of {} bytes", line.len())]
}

/// More than any result may be.
pub fn oversize_result() -> Vec<String> {
    vec!["x".repeat(CHUNK_BYTES); RESULT_BYTES / CHUNK_BYTES]
}

/// Asks for more random bytes than one call gives.
pub fn random_flood() -> Vec<String> {
    vec![format!("{} bytes", run::random_bytes(u32::MAX).len())]
}
