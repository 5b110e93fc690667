//! What a process used: processor time and peak memory, as Linux counts them.

use anyhow::{Context as _, Result};

/// Processor seconds of this process so far, user and system.
pub fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("reading /proc/self/stat")?;
    // The command's name, in parentheses, may hold spaces: fields are counted behind it.
    let (_, fields) = stat.rsplit_once(')').context("an odd /proc/self/stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |index: usize| -> Result<f64> {
        Ok(fields.get(index).context("a short /proc/self/stat")?.parse()?)
    };
    // utime and stime are fields 14 and 15 of the file; Linux counts 100 ticks a second.
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// Peak resident memory of this process, in MiB.
pub fn peak_rss_mib() -> Result<f64> {
    let status =
        std::fs::read_to_string("/proc/self/status").context("reading /proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("no VmHWM")?;
    let kib: f64 = line.split_whitespace().nth(1).context("an odd VmHWM")?.parse()?;
    Ok(kib / 1024.0)
}

/// Binds this thread, and those that it starts, to one core. A call crosses to the guests' thread and
/// back: between two cores of a virtual machine that is otherwise idle, waking them takes longer
/// (80 us) than all that Grantry does for a small call, and says nothing about it.
pub fn stay_on_one_core() -> Result<()> {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(rustix::thread::sched_getcpu());
    rustix::thread::sched_setaffinity(None, &cores).context("binding to one core")
}
