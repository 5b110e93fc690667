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
}
