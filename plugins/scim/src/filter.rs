//! Filters and urls: every outside text is escaped here.

/// `attribute eq "value"` (RFC 7644 section 3.4.2.2: the value is a JSON string).
pub fn equals(attribute: &str, value: &str) -> String {
    format!("{attribute} eq {}", serde_json::Value::from(value))
}

/// `members[value eq "id"]`, the path of one member.
pub fn member_path(id: &str) -> String {
    format!("members[{}]", equals("value", id))
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
    fn a_member_is_addressed_by_its_value() {
        assert_eq!(member_path("42"), r#"members[value eq "42"]"#);
    }
}
