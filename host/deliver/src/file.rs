//! JSON Lines in a file of the audit folder: appended, synced, and begun anew when it is large.
//!
//! A file belongs to one sink. What a crash left half written is cut off before the next append: it
//! was not confirmed and comes again.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Longest line that is looked for at a file's end, in bytes.
const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Most files that are set aside before the same row.
const SET_ASIDE_MAX: u32 = 1_000;

/// Appends lines to `NAME.jsonl` and makes them durable. A file over `file_bytes_max` is set aside
/// first, as `NAME.SEQUENCE.jsonl` with the last sequence number of what comes next.
pub(crate) fn append(
    folder: &Path,
    name: &str,
    file_bytes_max: u64,
    sequence: i64,
    lines: &[String],
) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let path = folder.join(format!("{name}.jsonl"));
    let mut file = open(&path)?;
    cut_half_line(&mut file)?;
    let length = file.seek(SeekFrom::End(0))?;
    if length > file_bytes_max {
        drop(file);
        std::fs::rename(&path, set_aside(folder, name, sequence)?)?;
        file = open(&path)?;
    }
    let mut text = lines.join("\n");
    text.push('\n');
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    File::open(folder)?.sync_all()
}

/// Where a large file goes: a batch that comes again meets what its first try set aside.
fn set_aside(folder: &Path, name: &str, sequence: i64) -> io::Result<PathBuf> {
    let mut ending = String::new();
    for number in 1..=SET_ASIDE_MAX {
        let path = folder.join(format!("{name}.{sequence:012}{ending}.jsonl"));
        match std::fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path),
            Err(error) => return Err(error),
            Ok(_) => ending = format!("-{number}"),
        }
    }
    Err(io::Error::other(format!("{SET_ASIDE_MAX} files of row {sequence} were set aside already")))
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // A link would lead out of the folder.
    let no_follow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.custom_flags(no_follow).open(path)
}

fn cut_half_line(file: &mut File) -> io::Result<()> {
    let length = file.seek(SeekFrom::End(0))?;
    let from = length.saturating_sub(LINE_BYTES_MAX);
    file.seek(SeekFrom::Start(length.saturating_sub(1)))?;
    let mut last = Vec::new();
    file.read_to_end(&mut last)?;
    if last.is_empty() || last == b"\n" {
        return Ok(());
    }
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let end = tail.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    file.set_len(from + u64::try_from(end).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn a_half_written_line_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.jsonl");
        append(folder.path(), "all", 1_000, 1, &lines(&["{\"a\":1}"])).unwrap();
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("{\"b\"");
        std::fs::write(&path, text).unwrap();
        append(folder.path(), "all", 1_000, 2, &lines(&["{\"b\":2}"])).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"a\":1}\n{\"b\":2}\n");
    }

    #[test]
    fn a_large_file_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        append(folder.path(), "all", 3, 1, &lines(&["12345"])).unwrap();
        append(folder.path(), "all", 3, 2, &lines(&["6"])).unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(
            (read("all.000000000002.jsonl"), read("all.jsonl")),
            ("12345\n".into(), "6\n".into())
        );
    }

    /// A batch that was written but not confirmed comes again, with the same number.
    #[test]
    fn what_was_set_aside_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        append(folder.path(), "all", 3, 1, &lines(&["first"])).unwrap();
        append(folder.path(), "all", 3, 2, &lines(&["second"])).unwrap();
        append(folder.path(), "all", 3, 2, &lines(&["second"])).unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("all.000000000002.jsonl"), "first\n");
        assert_eq!(read("all.000000000002-1.jsonl"), "second\n");
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/tmp/elsewhere", folder.path().join("all.jsonl")).unwrap();
        assert!(append(folder.path(), "all", 3, 1, &lines(&["1"])).is_err());
    }
}
