//! CSV on the wire: a list that streams in, a list that streams out.
//!
//! Neither is ever held as a whole: see `grantry_engine::Intake` for what is.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use grantry_engine::{Intake, Received};
use grantry_model::csv::write_record;
use grantry_model::permission::Entity;
use grantry_model::upload::UPLOAD_BYTES_MAX;
use http::{HeaderValue, header};
use http_body_util::BodyExt as _;

use crate::body::{announced_bytes, check_media_type, drain};
use crate::context::Ctx;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::state::Server;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8");

/// A body that is a list: read piece by piece.
pub(crate) struct CsvBody {
    body: Body,
    time_max: Duration,
}

impl FromRequest<Server> for CsvBody {
    type Rejection = Problem;

    async fn from_request(request: Request, server: &Server) -> Result<Self, Problem> {
        check_media_type(request.headers(), "text/csv")?;
        let announced = announced_bytes(request.headers());
        let mut body = request.into_body();
        if announced.is_some_and(|bytes| bytes as u64 > UPLOAD_BYTES_MAX) {
            drain(&mut body).await;
            return Err(grantry_engine::EngineError::UploadTooLarge.into());
        }
        Ok(Self { body, time_max: server.0.limits.upload_timeout })
    }
}

impl CsvBody {
    /// Feeds everything to the intake.
    pub(crate) async fn pour(mut self, mut intake: Intake) -> Result<Received, Problem> {
        let poured = tokio::time::timeout(self.time_max, self.pour_all(&mut intake)).await;
        let problem = match poured {
            Ok(Ok(())) => return Ok(intake.finish().await?),
            Ok(Err(problem)) => {
                // So that the sender gets to read the answer.
                drain(&mut self.body).await;
                problem
            }
            Err(_) => {
                let seconds = self.time_max.as_secs();
                let detail = format!("the file did not arrive within {seconds} s");
                Problem::new("request_timeout", detail)
            }
        };
        intake.give_up().await?;
        Err(problem.closing())
    }

    async fn pour_all(&mut self, intake: &mut Intake) -> Result<(), Problem> {
        // Bounded in bytes by the intake and in time by the caller.
        while let Some(frame) = self.body.frame().await {
            let cut = |_| {
                let detail = "the file ended before its announced length";
                Problem::new("upload_incomplete", detail)
            };
            if let Ok(piece) = frame.map_err(cut)?.into_data() {
                intake.feed(&piece).await?;
            }
        }
        Ok(())
    }
}

/// A file to be downloaded.
pub(crate) struct CsvFile {
    name: &'static str,
    body: Body,
}

impl IntoResponse for CsvFile {
    fn into_response(self) -> Response {
        let disposition = format!("attachment; filename=\"{}.csv\"", self.name);
        let disposition =
            HeaderValue::from_str(&disposition).expect("the names of files here are visible ASCII");
        let headers =
            [(header::CONTENT_TYPE, MEDIA_TYPE), (header::CONTENT_DISPOSITION, disposition)];
        (headers, self.body).into_response()
    }
}

/// A list's columns without people.
pub(crate) async fn template(ctx: &Ctx, entity: &Entity, name: &'static str) -> Reply<CsvFile> {
    let columns = ctx.upload_template(entity).await?;
    Ok(CsvFile { name, body: Body::from(header_line(&columns)) })
}

fn header_line(columns: &[String]) -> String {
    let mut line = String::new();
    write_record(&mut line, columns.iter().map(String::as_str));
    line
}

/// The list as it is, written as it is read.
pub(crate) async fn export(ctx: Ctx, entity: Entity, name: &'static str) -> Reply<CsvFile> {
    let columns = ctx.export_columns(&entity).await?;
    let first = Bytes::from(header_line(&columns));
    let begun = Some(String::new());
    let rest = stream::unfold((ctx, entity, columns, begun), |state| async move {
        let (ctx, entity, columns, after) = state;
        let rows = match ctx.export_lines(&entity, &columns, &after?).await {
            Ok(rows) => rows,
            // Cut short, so that nobody takes half of a list for all of it.
            Err(error) => return Some((Err(error), (ctx, entity, columns, None))),
        };
        let next = rows.last()?.0.clone();
        let mut text = String::new();
        for (_, cells) in &rows {
            write_record(&mut text, cells.iter().map(String::as_str));
        }
        Some((Ok(Bytes::from(text)), (ctx, entity, columns, Some(next))))
    });
    let all = futures_util::StreamExt::chain(stream::iter([Ok(first)]), rest);
    Ok(CsvFile { name, body: Body::from_stream(all) })
}
