//! `grantry admin …`: for whoever operates the machine, when no admin can sign in.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use grantry_engine::recover_admin;
use grantry_model::ids::PrincipalId;
use serde_json::json;

use crate::data::DataFolder;
use crate::options::{AdminCommand, AdminRecoverOptions};
use crate::output::Output;
use crate::wiring;

pub(crate) async fn run(command: AdminCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        AdminCommand::Recover(options) => recover(&options, output).await,
    }
}

async fn recover(options: &AdminRecoverOptions, output: Output) -> anyhow::Result<ExitCode> {
    let data = DataFolder::of(&options.data);
    let is_missing = data.sqlite_file().is_some_and(|file| !file.exists());
    if is_missing {
        bail!("there is no database here: is `--data-dir` right?");
    }
    let person = options.person.as_deref().map(PrincipalId::parse).transpose();
    let person = person.context("`--person` is the id of a person")?;
    let db = wiring::database(&data).await?;
    let recovered = recover_admin(&db, person.as_ref()).await?;
    let token = recovered.token.expose();
    let shown = json!({ "person": recovered.principal.id, "admin_token": token });
    output.print(&shown, |_| {
        let (name, id) = (&recovered.principal.name, &recovered.principal.id);
        format!(
            "`{name}` ({id}) is an admin.\n  Admin token: {token}\n  It is shown this once: keep it."
        )
    })?;
    Ok(ExitCode::SUCCESS)
}
