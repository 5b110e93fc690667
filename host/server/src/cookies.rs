//! The two cookies: a session's secret, and a sign-in that is under way.
//!
//! Both are HttpOnly and for the whole host. Over TLS they are Secure and named `__Host-…`, so that no
//! other host of the domain can set them. The session is SameSite=Strict; the sign-in is Lax, because
//! the browser brings it back from the issuer's site.

use http::{HeaderMap, HeaderValue, header};

use grantry_engine::SESSION_LIFE_MS;

/// How long a browser keeps a sign-in that is under way, in seconds.
const SIGN_IN_S: i64 = 600;

/// Names and attributes of the cookies.
#[derive(Debug, Clone)]
pub(crate) struct Cookies {
    is_secure: bool,
}

impl Cookies {
    /// `is_secure`: people reach this server by `https`.
    pub(crate) fn new(is_secure: bool) -> Self {
        Self { is_secure }
    }

    fn name(&self, plain: &str) -> String {
        if self.is_secure { format!("__Host-{plain}") } else { plain.to_owned() }
    }

    /// The session's secret.
    pub(crate) fn session<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        one(headers, &self.name("grantry_session"))
    }

    /// The sign-in that is under way, sealed.
    pub(crate) fn sign_in<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        one(headers, &self.name("grantry_sign_in"))
    }

    /// Hands the browser a session.
    pub(crate) fn set_session(&self, secret: &str) -> HeaderValue {
        self.set("grantry_session", secret, "Strict", SESSION_LIFE_MS / 1_000)
    }

    /// Takes it back.
    pub(crate) fn clear_session(&self) -> HeaderValue {
        self.set("grantry_session", "", "Strict", 0)
    }

    /// Hands the browser a sign-in to bring back.
    pub(crate) fn set_sign_in(&self, sealed: &str) -> HeaderValue {
        self.set("grantry_sign_in", sealed, "Lax", SIGN_IN_S)
    }

    /// Takes it back.
    pub(crate) fn clear_sign_in(&self) -> HeaderValue {
        self.set("grantry_sign_in", "", "Lax", 0)
    }

    fn set(&self, plain: &str, value: &str, same_site: &str, age_s: i64) -> HeaderValue {
        let name = self.name(plain);
        let secure = if self.is_secure { "; Secure" } else { "" };
        let text = format!(
            "{name}={value}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={age_s}{secure}"
        );
        let mut cookie = HeaderValue::from_str(&text).expect("hex and Base64 are header text");
        cookie.set_sensitive(true);
        cookie
    }
}

/// The value of the one cookie of that name: a name that occurs twice is none.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|pair| pair.0.trim() == name).map(|pair| pair.1.trim());
    let value = values.next().filter(|value| !value.is_empty())?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(line: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(line))])
    }

    #[test]
    fn a_session_cookie_is_for_this_host_and_no_script() {
        let plain = Cookies::new(false);
        assert_eq!(
            plain.set_session("abc"),
            "grantry_session=abc; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200"
        );
        let secure = Cookies::new(true);
        assert_eq!(
            secure.set_session("abc"),
            "__Host-grantry_session=abc; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200; Secure"
        );
        assert_eq!(secure.session(&headers("grantry_session=abc")), None);
    }

    #[test]
    fn a_cookie_that_occurs_twice_is_none() {
        let cookies = Cookies::new(false);
        assert_eq!(cookies.session(&headers("a=b; grantry_session=x;c=d")), Some("x"));
        for line in ["grantry_session=x; grantry_session=y", "grantry_session=", "a=b", "x"] {
            assert_eq!(cookies.session(&headers(line)), None, "{line}");
        }
    }
}
