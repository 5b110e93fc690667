//! As much of a browser as signing in needs: it keeps cookies and says where it is sent.

use anyhow::{Context, Result, ensure};
use grantry_tests::host::Api;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Method};
use serde_json::Value;

/// A browser with a jar of the host's cookies.
#[derive(Clone)]
pub struct Browser {
    http: Client,
    host: String,
    cookies: Vec<(String, String)>,
}

/// What a browser gets.
pub struct Page {
    pub status: u16,
    pub text: String,
    location: Option<String>,
    cookies: Vec<String>,
}

impl Page {
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.text).with_context(|| self.text.clone())
    }

    /// A problem's code.
    pub fn code(&self) -> String {
        let problem = self.json().unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The whole line that sets a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let begin = format!("{name}=");
        self.cookies.iter().find(|line| line.starts_with(&begin)).map(String::as_str)
    }
}

impl Browser {
    pub fn new(host: &Api) -> Result<Self> {
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let host = host.base_url().to_owned();
        Ok(Self { http: http.build()?, host, cookies: Vec::new() })
    }

    /// A page of the host, by its path or its whole address.
    pub async fn get(&mut self, page: &str) -> Result<Page> {
        self.send(Method::GET, page, None).await
    }

    pub async fn delete(&mut self, page: &str, csrf: Option<&str>) -> Result<Page> {
        self.send(Method::DELETE, page, csrf).await
    }

    /// Begins a sign-in, lets the issuer vouch for the person, and says where it sends the browser
    /// back to.
    pub async fn begin(&mut self, issuer: &str, return_to: &str) -> Result<String> {
        let page = format!("/api/v1/sign-in/{issuer}?return_to={return_to}");
        let begun = self.get(&page).await?;
        ensure!(begun.status == 303, "{} {}", begun.status, begun.text);
        let place = begun.location.context("a place to go to")?;
        ensure!(place.contains("code_challenge_method=S256"), "no PKCE: {place}");
        let vouched = self.http.get(place).send().await?;
        let back = vouched.headers().get(LOCATION).context("the way back")?.to_str()?;
        ensure!(back.starts_with(&self.host), "sent to {back}");
        Ok(back.to_owned())
    }

    async fn send(&mut self, method: Method, page: &str, csrf: Option<&str>) -> Result<Page> {
        let is_whole = page.starts_with(&self.host);
        let url = if is_whole { page.to_owned() } else { format!("{}{page}", self.host) };
        let jar: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.http.request(method, url).header(COOKIE, jar.join("; "));
        let request = csrf.into_iter().fold(request, |r, token| r.header("x-csrf-token", token));
        let answer = request.header("idempotency-key", "of-the-browser").send().await?;
        let header = |name| answer.headers().get_all(name).into_iter();
        let told = |value: &reqwest::header::HeaderValue| value.to_str().ok().map(str::to_owned);
        let cookies: Vec<String> = header(SET_COOKIE).filter_map(told).collect();
        let location = header(LOCATION).find_map(told);
        let status = answer.status().as_u16();
        for line in &cookies {
            let (name, rest) = line.split_once('=').context("a cookie has a value")?;
            let value = rest.split(';').next().unwrap_or_default();
            self.cookies.retain(|(other, _)| other != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(Page { status, text: answer.text().await?, location, cookies })
    }
}
