//! `grantry migrate`: brings the database to this program's schema.

use std::process::ExitCode;

use anyhow::Context as _;
use grantry_store::SCHEMA_VERSION;
use serde_json::json;

use crate::data::DataFolder;
use crate::options::DataOptions;
use crate::output::Output;
use crate::wiring;

pub(crate) async fn run(options: &DataOptions, output: Output) -> anyhow::Result<ExitCode> {
    let data = DataFolder::of(options);
    data.make()?;
    let db = wiring::database(&data).await?;
    let applied = db.migrate().await.context("cannot migrate the database")?;
    let result = json!({ "schema_version": SCHEMA_VERSION, "applied": applied });
    output.print(&result, |_| match applied.len() {
        0 => format!("The database has schema {SCHEMA_VERSION} already."),
        count => format!("Applied {count} migration(s); the schema is {SCHEMA_VERSION} now."),
    })?;
    Ok(ExitCode::SUCCESS)
}
