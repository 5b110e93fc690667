//! Vendors' API descriptions (OpenAPI 3 or Swagger 2, as JSON) as judges of requests.
//!
//! The descriptions are not ours to ship: `GRANTRY_SPECS` names the folder that holds them. A mock of
//! a vendor's API asks one whether what it received is what the vendor documents.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use axum::extract::Query;
use axum::http::{Method, Uri};
use serde_json::{Value, json};

/// One API description.
#[derive(Debug)]
pub struct Spec {
    document: Value,
}

impl Spec {
    /// The description of that name, such as `jira/swagger-v3.v3.json`; `None` where `GRANTRY_SPECS`
    /// names no folder, which is said.
    ///
    /// # Errors
    /// When the folder has no such file, or it is not JSON.
    pub fn open(name: &str) -> Result<Option<Self>> {
        let Ok(folder) = std::env::var("GRANTRY_SPECS") else {
            eprintln!("skipped: requests are not held against `{name}`, GRANTRY_SPECS is not set");
            return Ok(None);
        };
        let path = Path::new(&folder).join(name);
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
        Ok(Some(Self { document: serde_json::from_slice(&bytes)? }))
    }

    /// Whether the API documents such a request.
    ///
    /// # Errors
    /// What it does not document: the path, the method, a query parameter, the body.
    pub fn check(
        &self,
        method: &str,
        path: &str,
        query: &[(String, String)],
        body: Option<&Value>,
    ) -> Result<()> {
        let at = format!("{method} {path}");
        let (item, operation) = self.operation(method, path).with_context(|| at.clone())?;
        let parameters = [&item["parameters"], &operation["parameters"]];
        let parameters: Vec<&Value> = parameters
            .into_iter()
            .filter_map(Value::as_array)
            .flatten()
            .map(|parameter| self.resolved(parameter))
            .collect();
        for (name, _) in query {
            let is_it =
                |parameter: &&Value| parameter["in"] == "query" && parameter["name"] == **name;
            ensure!(parameters.iter().any(is_it), "{at} has no query parameter `{name}`");
        }
        for parameter in &parameters {
            let is_needed = parameter["in"] == "query" && parameter["required"] == true;
            let is_there = query.iter().any(|(name, _)| parameter["name"] == **name);
            ensure!(!is_needed || is_there, "{at} wants `{}`", parameter["name"]);
        }
        let Some(body) = body else { return Ok(()) };
        let described = self.resolved(&operation["requestBody"]);
        let described = &described["content"]["application/json"]["schema"];
        let in_body = parameters.iter().find(|parameter| parameter["in"] == "body");
        let schema = in_body.map_or(described, |parameter| &parameter["schema"]);
        ensure!(schema.is_object(), "{at} has no body");
        let mut schema = json!({ "allOf": [schema] });
        // What its references point at.
        for name in ["components", "definitions"] {
            if let Some(shared) = self.document.get(name) {
                schema[name] = shared.clone();
            }
        }
        let validator = jsonschema::draft4::new(&schema).with_context(|| at.clone())?;
        let faults: Vec<String> = validator
            .iter_errors(body)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        ensure!(faults.is_empty(), "{at}: {}", faults.join("; "));
        Ok(())
    }

    /// The path's item and its operation. A literal segment beats a parameter.
    fn operation(&self, method: &str, path: &str) -> Result<(&Value, &Value)> {
        let base = self.document["basePath"].as_str().unwrap_or_default().trim_end_matches('/');
        let path = path.strip_prefix(base).context("outside the base path")?;
        let paths = self.document["paths"].as_object().context("no paths")?;
        let fits = paths.iter().filter(|(template, _)| matches(template, path));
        let fit = fits.min_by_key(|(template, _)| template.matches('{').count());
        let (_, item) = fit.context("no such path")?;
        let operation = &item[method.to_ascii_lowercase()];
        ensure!(operation.is_object(), "no such method");
        Ok((item, operation))
    }

    /// Follows one reference.
    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        pointer.and_then(|pointer| self.document.pointer(pointer)).unwrap_or(value)
    }
}

/// Holds what a mock receives against a description, and remembers what is not documented.
#[derive(Debug)]
pub struct Judge {
    spec: Option<Spec>,
    faults: Mutex<Vec<String>>,
}

impl Judge {
    /// A judge by that description; without it, everything is taken.
    ///
    /// # Errors
    /// As [`Spec::open`].
    pub fn of(name: &str) -> Result<Self> {
        Ok(Self { spec: Spec::open(name)?, faults: Mutex::default() })
    }

    /// Whether the request is documented.
    pub fn takes(&self, method: &Method, uri: &Uri, body: Option<&Value>) -> bool {
        let Some(spec) = &self.spec else { return true };
        let query = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let query = query.map(|query| query.0).unwrap_or_default();
        let checked = spec.check(method.as_str(), uri.path(), &query, body);
        let Err(fault) = checked else { return true };
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{fault:#}"));
        false
    }

    /// What was not documented.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (wanted, given) = (template.split('/'), path.split('/'));
    wanted.clone().count() == given.clone().count()
        && wanted.zip(given).all(|(wanted, given)| wanted.starts_with('{') || wanted == given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        Spec {
            document: json!({
                "basePath": "/api",
                "paths": { "/users/{id}": { "put": { "parameters": [
                    { "in": "query", "name": "force", "required": true },
                    { "in": "body", "name": "body", "schema": { "$ref": "#/definitions/User" } },
                ] } } },
                "definitions": { "User": {
                    "type": "object", "additionalProperties": false,
                    "properties": { "email": { "type": "string" } },
                } },
            }),
        }
    }

    #[test]
    fn what_is_documented_passes_and_each_deviation_is_named() {
        let spec = spec();
        let force = [("force".to_owned(), "1".to_owned())];
        let body = json!({ "email": "ada@example.com" });
        spec.check("PUT", "/api/users/7", &force, Some(&body)).unwrap();
        let fault = |method, path, query: &[(String, String)], body| {
            let checked = spec.check(method, path, query, Some(&body));
            format!("{:#}", checked.unwrap_err())
        };
        let user = || json!({ "email": "ada@example.com" });
        assert!(fault("PUT", "/api/groups/7", &force, user()).contains("no such path"));
        assert!(fault("POST", "/api/users/7", &force, user()).contains("no such method"));
        assert!(fault("PUT", "/api/users/7", &[], user()).contains("wants"));
        let more = [force[0].clone(), ("x".into(), String::new())];
        assert!(fault("PUT", "/api/users/7", &more, user()).contains("no query parameter `x`"));
        assert!(fault("PUT", "/api/users/7", &force, json!({ "email": 1 })).contains("/email"));
    }
}
