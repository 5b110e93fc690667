//! The traps: what real SCIM servers do wrong, one by one.
//!
//! Where a quirk has `times`, it goes away after so many requests. Those about answers leave
//! discovery alone, so that a connection test still gets through.

use std::time::Duration;

/// One way to misbehave. The issue numbers name the product it was seen in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// A list is empty unless `startIndex` and `count` are both sent (bitwarden/server#4034).
    EmptyListWithoutPaging,
    /// A list is always its first 100 rows, whatever is asked, and says there are no more
    /// (better-auth#10398).
    ListStopsAt100,
    /// `totalResults` counts the rows of this page only (wso2/product-is#13772).
    TotalCountsThisPage,
    /// `totalResults` ignores the filter (wso2/product-is#12813).
    TotalIgnoresFilter,
    /// `itemsPerPage` repeats the wanted count, not the returned one (ory/polis#4054).
    ItemsPerPageAsRequested,
    /// The first row has index 0 (SimpleIdServer#185): asking from 1 skips it.
    StartIndexFromZero,
    /// `startIndex` is ignored: every page is the first one.
    RepeatsFirstPage,
    /// A list with more rows than the page allows fails with `tooMany`.
    TooManyUnlessPaged,
    /// Removing members with a value instead of a filter empties the group
    /// (azure-docs#30826, segment-docs#6726).
    RemoveWithValueEmptiesGroup,
    /// PATCH answers 200 with the unchanged resource and changes nothing (open-webui#30074).
    PatchIgnored,
    /// PATCH answers 204 without a body; a common and correct choice.
    PatchAnswersNoContent,
    /// An operation with the path `members` fails with 500; a value object without a path works
    /// (wso2/product-is#16933).
    MembersPathFails,
    /// PUT answers 501; membership changes only by PATCH (keycloak#46216).
    PutUnsupported,
    /// PATCH answers 501; `is_advertised` says that it works all the same.
    PatchUnsupported {
        /// What ServiceProviderConfig says.
        is_advertised: bool,
    },
    /// Booleans are `"True"` and `"False"` (scimmy#51, scim-patch#872).
    BooleansAsStrings,
    /// More members in one request fail with 400 (authentik#20410).
    MembersPerRequestMax(usize),
    /// Adding a member removes those beyond 100 (FusionAuth#2784).
    AddRemovesBeyond100,
    /// PATCH `active` to false answers 200 and does nothing (Cogtrix#122).
    ActiveFalseIgnored,
    /// PATCH `active` to true fails with 400 (FusionAuth#3311).
    ReactivationRejected,
    /// `application/scim+json` is not accepted as a content type.
    OnlyPlainJson,
    /// A change without `If-Match` fails with 428 (RFC 6585).
    IfMatchRequired,
    /// Someone else changes the resource just before a change with `If-Match`, which fails with 412.
    ChangedMeanwhile {
        /// How often.
        times: u32,
    },
    /// Answers 429 with `Retry-After`.
    TooManyRequests {
        /// How often.
        times: u32,
        /// The wait that the header asks for.
        retry_after_s: u32,
    },
    /// Answers 500 to a change before anything happens.
    FailsBeforeApplying {
        /// How often.
        times: u32,
    },
    /// Makes the change and then answers 500.
    FailsAfterApplying {
        /// How often.
        times: u32,
    },
    /// Makes the change and then closes the connection without a byte.
    DropsAfterApplying {
        /// How often.
        times: u32,
    },
    /// Answers so many lists, then closes the connection on every further one.
    CutOffAfterPages(u32),
    /// Half of the body, then the connection closes.
    BodyCutHalfway,
    /// Answers after this time.
    Slow(Duration),
    /// A list that never ends, sent as fast as it is read.
    EndlessBody,
    /// So many MiB of JSON, sent as about a thousandth of that with `Content-Encoding: gzip`.
    GzipBomb {
        /// The decompressed size.
        mebibytes: u32,
    },
    /// The body arrives in chunks of 7 bytes.
    TinyChunks,
    /// Sends the client elsewhere with 307, which would repeat the credential there.
    RedirectsTo(String),
    /// The credential comes back: in headers and in the body, plain, Base64 and within a resource.
    ReflectsAuthorization,
}

/// The quirks in force, with what is left of those that go away.
#[derive(Debug, Default)]
pub(super) struct QuirkSet(Vec<Quirk>);

impl QuirkSet {
    pub(super) fn add(&mut self, quirk: Quirk) {
        self.0.push(quirk);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn has(&self, quirk: &Quirk) -> bool {
        self.0.contains(quirk)
    }

    /// The first value that `pick` sees in a quirk.
    pub(super) fn find<T>(&self, pick: impl FnMut(&Quirk) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(pick)
    }

    /// Uses up one time of the counted quirk whose counter `pick` returns; false if none is left.
    pub(super) fn take(&mut self, mut pick: impl FnMut(&mut Quirk) -> Option<&mut u32>) -> bool {
        let Some(left) = self.0.iter_mut().find_map(|quirk| pick(quirk).filter(|left| **left > 0))
        else {
            return false;
        };
        *left -= 1;
        true
    }
}
