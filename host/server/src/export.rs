//! The audit log as a stream of JSON Lines or CSV: a part at a time, whatever its length.

use std::io;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{Stream, unfold};
use grantry_api::audit::ExportFormat;
use grantry_engine::{AuditExport, AuditRow};
use http::{HeaderValue, header};

const CSV_HEADER: &str = "sequence,at_ms,principal_id,principal_kind,door,action,event,entity_kind,entity_id,is_allowed,reason,request_id,detail,previous_hash,hash\r\n";

/// The answer that streams an export.
pub(crate) fn stream(export: AuditExport, format: ExportFormat) -> Response {
    let (media_type, name) = match format {
        ExportFormat::Jsonl => ("application/x-ndjson", "attachment; filename=\"audit.jsonl\""),
        ExportFormat::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static(name)),
    ];
    (headers, Body::from_stream(parts(export, format))).into_response()
}

fn parts(
    export: AuditExport,
    format: ExportFormat,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let head = match format {
        ExportFormat::Jsonl => "",
        ExportFormat::Csv => CSV_HEADER,
    };
    unfold((export, head, false), move |(mut export, head, is_over)| async move {
        if is_over {
            return None;
        }
        match export.next_rows().await {
            Ok(rows) if rows.is_empty() && head.is_empty() => None,
            Ok(rows) => {
                let mut text = head.to_owned();
                for row in &rows {
                    match format {
                        ExportFormat::Jsonl => text.push_str(&row.json_line()),
                        ExportFormat::Csv => text.push_str(&csv_line(row)),
                    }
                    text.push_str(if format == ExportFormat::Csv { "\r\n" } else { "\n" });
                }
                Some((Ok(Bytes::from(text)), (export, "", false)))
            }
            Err(error) => {
                // The connection breaks off, so that nobody takes a part for the whole.
                tracing::error!("an export of the audit log broke off: {error}");
                Some((Err(io::Error::other("the export broke off")), (export, "", true)))
            }
        }
    })
}

fn csv_line(row: &AuditRow) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        row.sequence.to_string(),
        row.at.0.to_string(),
        row.principal_id.clone(),
        row.principal_kind.clone(),
        row.door.clone(),
        row.action.clone(),
        row.event.clone(),
        text(&row.entity_kind),
        text(&row.entity_id),
        row.is_allowed.to_string(),
        row.reason.clone(),
        row.request_id.clone(),
        row.detail.clone(),
        row.previous_hash.clone(),
        row.hash.clone(),
    ]
    .iter()
    .map(|cell| csv_cell(cell))
    .collect::<Vec<_>>()
    .join(",")
}

/// A cell by RFC 4180. What a spreadsheet could take for a formula begins with an apostrophe
/// (security.md row 65).
fn csv_cell(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let cell = if is_formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\r', '\n']) {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::csv_cell;

    #[test]
    fn a_cell_is_never_a_formula() {
        for (cell, expected) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2,3", "\"'-2,3\""),
            ("\tx", "'\tx"),
            ("{\"a\":1}", "\"{\"\"a\"\":1}\""),
            ("plain", "plain"),
            ("", ""),
        ] {
            assert_eq!(csv_cell(cell), expected);
        }
    }
}
