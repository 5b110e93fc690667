//! Every check that there is, by group, in the order of a report. The guide lists them too.

use crate::report::Check;

macro_rules! checks {
    ($($group:ident { $($name:ident: $id:literal, $sentence:literal, $fix:literal;)+ })+) => {
        $($(
            #[doc = $sentence]
            pub const $name: Check = Check { id: $id, sentence: $sentence, fix: $fix };
        )+)+

        $(
            #[doc = concat!("The checks of the group `", stringify!($group), "`.")]
            pub const $group: &[&Check] = &[$(&$name),+];
        )+

        /// All of them.
        pub const ALL: &[&[&Check]] = &[$($group),+];
    };
}

checks! {
    MANIFEST {
        ACCEPTED: "manifest.accepted",
            "The host accepts the component: its imports, exports, features, size and manifest.",
            "see `detail`; docs/plugin-guide.md, section \"What the sandbox forbids\"";
        STABLE: "manifest.stable",
            "`describe` answers the same each time.",
            "return constants from `describe`: no time, no randomness, no connection";
        SCHEMA: "manifest.schema",
            "The connection schema is a JSON Schema in which the host finds the secrets.",
            "correct the schema; mark secrets `\"writeOnly\": true` below plain `properties`";
        EXAMPLE: "manifest.example",
            "The example connection passes the schema and `validate-config`.",
            "give an example that an admin could edit into a working connection";
        SECRETS: "manifest.secrets",
            "Fields of the connection that are named like secrets are marked as secrets.",
            "mark the field `\"writeOnly\": true`, and place it with an auth scheme";
        KINDS: "manifest.kinds",
            "Kinds and attributes are named once, and refer to what there is.",
            "correct the kinds in `describe`";
        CREATABLE: "manifest.required",
            "What is required of a new object can be given when it is created.",
            "give the attribute the trait `creatable`, or take `required` away";
        VERBS: "manifest.verbs",
            "A plugin that says that it writes or reads back exports `provision`.",
            "export `Provision`, or take the verbs and `can-read-back` away";
    }
    CONNECTION {
        WORKS: "connection.works",
            "The connection passes `validate-config` and `test-connection`.",
            "correct the connection; `grantry plugin run FILE test-connection` shows more";
        ANY_INPUT: "connection.any-input",
            "`validate-config` answers whatever JSON an admin sends, instead of failing.",
            "parse the connection, and return faults; never unwrap";
        BAD_REFUSED: "connection.bad-refused",
            "The configuration's bad connections are refused.",
            "say in `validate-config` or `test-connection` what is wrong";
        WRONG_SECRET: "connection.wrong-secret",
            "`test-connection` fails with a wrong credential.",
            "send at least one request that needs the credential";
        WRONG_HOST: "connection.wrong-host",
            "`test-connection` fails for a host on which nobody listens.",
            "send a request, and hand its error on";
        WITHIN_MANIFEST: "connection.within-manifest",
            "Kinds and verbs of the tenant are those of the manifest or fewer.",
            "declare in `describe` the most that a tenant can have";
    }
    READING {
        WHOLE: "reading.whole",
            "Every listing ends, says so with `is-complete`, and has as many rows as it says.",
            "set `is-complete` on the last page only; give `expected-total` of the whole listing";
        CURSORS: "reading.cursors",
            "No listing gives a cursor twice.",
            "move the cursor on with every page, and give none with the last";
        EMPTY_PAGES: "reading.empty-pages",
            "No listing gives many empty pages in a row.",
            "read on within the call until there is a row, or the listing ends";
        DUPLICATES: "reading.duplicates",
            "No listing gives a row twice.",
            "begin a page behind the last row of the page before";
        IDS: "reading.rows",
            "Listings hold what they were asked for, with ids of 1 to 1,024 bytes.",
            "answer each target with its own rows and nothing else";
        REFERENCES: "reading.references",
            "Parents, entitlements and holders that rows speak of are listed too.",
            "list every kind that can hold something, or leave such rows out and skip them";
        SCHEMA_TRUE: "reading.schema",
            "Attributes are declared, of the declared type, and single unless declared otherwise.",
            "declare what you list, or list what you declare";
        UNREADABLE: "reading.unreadable",
            "Attributes that are not declared readable are never listed.",
            "leave write-only attributes such as passwords out of rows";
        COUNTS: "reading.count",
            "`count` says how many objects a listing has.",
            "count what is listed, or answer none";
        GETS: "reading.get",
            "`get` finds listed objects, and says so when there is none.",
            "answer none for a target's 404";
        PAGE_SIZE: "reading.page-size",
            "Pages of 1, 7 and 1,000 rows give the same rows.",
            "keep the place in the cursor as a row, not as a number of pages";
        PAGE_LIMIT: "reading.page-limit",
            "No page has more rows than were asked for.",
            "end a page at `max-items`; `Budget` of the Rust SDK counts";
        RESUME: "reading.resume",
            "A reading that is cut at every page, and goes on with other page sizes, gives the same rows.",
            "keep all of the place in the cursor; a call may be repeated";
        AGAIN: "reading.again",
            "Reading again gives the same rows, also after a reading that was given up.",
            "remember nothing between calls that decides over rows";
        SCOPES: "reading.scopes",
            "An incremental reading of an unchanged target gives the same rows.",
            "call a scope unchanged only for the validator that the host holds";
        SCOPES_ASKED: "reading.scopes-asked",
            "A scope is called unchanged only if the host gave a validator for it.",
            "ask `scope-validator` first";
    }
    FAULTS {
        UNREACHABLE: "faults.unreachable",
            "A target that cannot be reached is an error, not an empty page.",
            "hand the error of the request on";
        REFUSAL_TOLD: "faults.refused",
            "A request that the host refuses is an error, not an empty page.",
            "hand the error of the request on";
        SERVER_ERROR: "faults.server-error",
            "A target's 500 is an error, and none that says that something is not there.",
            "look at the status before the body; `Response::success` of the Rust SDK does";
        UNAUTHENTICATED: "faults.unauthenticated",
            "A target's 401 is `unauthenticated` or `invalid-config`.",
            "use the case that the admin understands; `Response::success` does";
        GARBAGE: "faults.garbage",
            "A body that cannot be read is an error, not an empty page.",
            "parse strictly; a missing list is no empty list";
        BROKEN_OFF: "faults.broken-off",
            "An answer that breaks off is an error, not an empty page.",
            "hand the error of the request on";
        LATER_PAGE: "faults.later-page",
            "A failure on a later page is an error: the listing does not end there.",
            "never end a listing with an error in the hand";
        RATE_LIMITED: "faults.rate-limited",
            "A target that asks for a pause is `rate-limited` or `unavailable`.",
            "hand the error on: the host knows how long to wait";
        BODY_KEPT: "faults.body-kept",
            "The text of a target's answer is not repeated in errors and logs.",
            "say status and place in your own words; bodies may hold people's data and credentials";
    }
    WRITING {
        PLAN_SENDS_NOTHING: "writing.plan",
            "`plan` names the requests of a grant, and sends none of them.",
            "build the requests, and return them instead of sending them";
        GRANT_TAKES_EFFECT: "writing.grant",
            "A grant that succeeds is seen by a reading.",
            "look at the target's answer; read back where it says success and does nothing";
        GRANT_AGAIN: "writing.grant-again",
            "Granting what is held succeeds and changes nothing.",
            "look first, and answer `already`";
        REVOKE_TAKES_EFFECT: "writing.revoke",
            "A revocation that succeeds is seen by a reading.",
            "look at the target's answer; read back where it says success and does nothing";
        REVOKE_AGAIN: "writing.revoke-again",
            "Revoking what is not held succeeds.",
            "look first, and answer `already`";
        NOBODY_ELSE: "writing.nobody-else",
            "Granting and revoking leaves everybody else's access as it was.",
            "send the smallest change that the target knows: one member, never the list";
        VERIFY_TRUE: "writing.verify",
            "`verify` says what is so.",
            "read the target, and compare; say `cannot-tell` only without `can-read-back`";
        VERIFY_READS_ONLY: "writing.verify-reads",
            "`verify` sends nothing but GET.",
            "leave repairs to `apply`";
        DELTA: "writing.delta",
            "An incremental reading sees a change.",
            "let the validator cover everything that the scope's rows are made of";
        UNKNOWN_HOLDER: "writing.unknown-holder",
            "A grant to somebody who is not there fails, unless the target takes anybody.",
            "look the holder up, if the target does not";
        UNKNOWN_ENTITLEMENT: "writing.unknown-entitlement",
            "A grant of an entitlement that is not there fails.",
            "compare the entitlement with what it is on";
        LOST_ANSWER: "writing.lost-answer",
            "A grant whose answer is lost is `outcome-unknown`, and trying again has one effect.",
            "answer `outcome-unknown` when a write has no answer; look first on a second attempt";
        LOST_REQUEST: "writing.lost-request",
            "A grant that never arrived is not called a success, and can be tried again.",
            "answer `outcome-unknown` when a write has no answer";
        CREATE_TAKES_EFFECT: "writing.create",
            "A new object is listed with the attributes that were given.",
            "send every attribute that is declared creatable";
        CREATE_TWICE: "writing.create-again",
            "Creating the same again is `already-exists`, or makes another object.",
            "hand the target's conflict on";
        UNKNOWN_ATTRIBUTE: "writing.unknown-attribute",
            "A creation with an unknown attribute fails and makes nothing.",
            "refuse what you do not know before you send anything";
        UPDATE_TAKES_EFFECT: "writing.update",
            "An update that succeeds is listed.",
            "send the change, and look at the answer";
        NOT_UPDATABLE: "writing.not-updatable",
            "An update of an attribute that is not declared updatable fails.",
            "refuse it, or declare the attribute updatable";
        ENABLE_TAKES_EFFECT: "writing.enable",
            "Disabling and enabling is seen by a reading, and can be repeated.",
            "map the target's word for it in both directions";
        DELETE_TAKES_EFFECT: "writing.delete",
            "A deleted object is listed no more.",
            "look at the target's answer";
        DELETE_TWICE: "writing.delete-again",
            "Deleting what is not there is `not-found` or `already`.",
            "map the target's 404";
        LOST_CREATION: "writing.lost-creation",
            "A creation whose answer is lost makes one object, however often it is tried.",
            "on a second attempt, look for what the first one made";
    }
    CALLS {
        END_WELL: "calls.end-well",
            "No call crashes, runs out of time, or is ended by the host.",
            "return errors; docs/plugin-guide.md lists the limits";
        WITHIN_APPROVAL: "calls.within-approval",
            "No call tries what its approval does not hold, and `test-connection` sends only GET.",
            "ask for it in the manifest, or leave it";
        SECRETS_KEPT: "calls.secrets",
            "No secret of the connection comes out in rows, errors, logs or the key-value store.",
            "never log answers; let the host place credentials";
        CANARIES: "calls.canaries",
            "The texts that the configuration names do not come out.",
            "never log the connection or answers";
        MEMORY: "calls.memory",
            "No call comes near the memory limit.",
            "read in pages; do not keep the whole target in memory";
    }
}

/// Those of `writing` that are about grants.
pub(crate) const GRANTS: &[&Check] = &[
    &PLAN_SENDS_NOTHING,
    &GRANT_TAKES_EFFECT,
    &GRANT_AGAIN,
    &REVOKE_TAKES_EFFECT,
    &REVOKE_AGAIN,
    &NOBODY_ELSE,
    &VERIFY_TRUE,
    &VERIFY_READS_ONLY,
    &DELTA,
    &UNKNOWN_HOLDER,
    &UNKNOWN_ENTITLEMENT,
    &LOST_ANSWER,
    &LOST_REQUEST,
];

/// Those of `writing` that are about objects.
pub(crate) const OBJECTS: &[&Check] = &[
    &CREATE_TAKES_EFFECT,
    &CREATE_TWICE,
    &UNKNOWN_ATTRIBUTE,
    &UPDATE_TAKES_EFFECT,
    &NOT_UPDATABLE,
    &ENABLE_TAKES_EFFECT,
    &DELETE_TAKES_EFFECT,
    &DELETE_TWICE,
    &LOST_CREATION,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_check_has_an_id_of_its_own_and_is_in_the_guide_as_it_is() {
        let guide = include_str!("../../../docs/plugin-guide.md");
        let mut ids = BTreeSet::new();
        for check in ALL.iter().copied().flatten() {
            assert!(ids.insert(check.id), "{} twice", check.id);
            let row = format!("| `{}` | {} |", check.id, check.sentence);
            assert!(guide.contains(&row), "the guide has no row `{row}`");
        }
        assert_eq!(GRANTS.len() + OBJECTS.len(), WRITING.len());
    }
}
