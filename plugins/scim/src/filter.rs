//! Filters and urls: every outside text is escaped here.

/// `attribute eq "value"` (RFC 7644 section 3.4.2.2: the value is a JSON string).
pub fn equals(attribute: &str, value: &str) -> String {
    format!("{attribute} eq {}", serde_json::Value::from(value))
}

/// `members[value eq "id"]`, the path of one member.
pub fn member_path(id: &str) -> String {
    format!("members[{}]", equals("value", id))
}

/// Percent-encodes a path segment or a query value: all but RFC 3986's unreserved characters.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_cannot_end_the_value() {
        assert_eq!(
            equals("userName", r#"a" or "1" eq "1\"#),
            r#"userName eq "a\" or \"1\" eq \"1\\""#
        );
    }

    #[test]
    fn an_id_stays_one_path_segment() {
        assert_eq!(encode("a/b?c=é #"), "a%2Fb%3Fc%3D%C3%A9%20%23");
    }

    #[test]
    fn a_member_is_addressed_by_its_value() {
        assert_eq!(member_path("42"), r#"members[value eq "42"]"#);
    }
}
