//! The switches of the [`Directory`](super::Directory).

/// How the server misbehaves. All off: it is honest.
#[derive(Clone, Debug, Default)]
pub struct Quirks {
    // Lists.
    pub empty_without_paging: bool,
    pub page_max: Option<usize>,
    pub total_is_page_count: bool,
    pub total_offset: i64,
    pub items_per_page_is_requested: bool,
    pub counts_from_zero: bool,
    pub ignores_start_index: bool,
    pub ignores_count: bool,
    pub cuts_off_at: Option<usize>,
    pub repeats_last_page: bool,
    pub refuses_past_the_end: bool,
    pub total_as_text: bool,
    pub without_total: bool,
    pub body_max: Option<usize>,
    pub lists_without_members: bool,
    pub never_shows_members: bool,
    /// Members are shown only where `attributes` names them.
    pub shows_members_on_request: bool,
    /// An empty list of members is left out.
    pub leaves_out_empty: bool,
    pub lists_twice: bool,
    pub cursor: bool,
    pub cursor_ignored: bool,
    pub cursor_expires: bool,
    pub cursor_repeats: bool,
    /// Deletes this user before the n-th list request (from 1).
    pub deletes_before: Option<(usize, String)>,
    /// Adds a user at the end before the n-th list request.
    pub adds_before: Option<usize>,
    pub ignores_filter: bool,
    pub refuses_filter: bool,
    // Media types.
    pub plain_json_only: bool,
    // Writes.
    pub says_no_patch: bool,
    pub patch_status: Option<u16>,
    pub put_status: Option<u16>,
    pub delete_status: Option<u16>,
    pub delete_disables: bool,
    pub patch_ignored: bool,
    pub put_ignored: bool,
    pub patch_path_fails: bool,
    pub urn_path_refused: bool,
    pub add_keeps_at_most: Option<usize>,
    pub shows_members_at_most: Option<usize>,
    pub remove_by_value_empties: bool,
    pub booleans_as_text: bool,
    pub put_conflicts: usize,
    pub loses_write_answer: bool,
    pub drops_write: bool,
    pub post_status_after_write: Option<u16>,
    pub post_without_body: bool,
}
