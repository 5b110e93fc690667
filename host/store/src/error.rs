//! What can go wrong with the store.

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row is not there.
    #[error("there is no {what} with this id")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    /// The row was changed meanwhile.
    #[error("the {what} has changed meanwhile: read it again and repeat the change")]
    VersionConflict {
        /// What was to be changed.
        what: &'static str,
    },
    /// Another row has the same unique value.
    #[error("there is already such a {what}")]
    AlreadyExists {
        /// What was to be created.
        what: &'static str,
    },
    /// The permission was taken away while the change was under way; nothing was written.
    #[error("the permission was taken away meanwhile")]
    PermissionRevoked,
    /// Another worker holds the job now; nothing was written.
    #[error("the lease of job `{job}` is lost")]
    LeaseLost {
        /// The job.
        job: String,
    },
    /// A stored value cannot be read: it was written by something else.
    #[error("a stored {what} cannot be read: {reason}")]
    Corrupt {
        /// What was read.
        what: &'static str,
        /// Why it cannot be.
        reason: String,
    },
    /// The database does not answer, is full, or refuses.
    #[error("the database does not work now")]
    Unavailable(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if crate::dialect::is_collision(&error) {
            return Self::VersionConflict { what: "row" };
        }
        match &error {
            // What a row belongs to went while the change was under way.
            sqlx::Error::Database(refusal) if refusal.is_foreign_key_violation() => {
                Self::VersionConflict { what: "thing that this belongs to" }
            }
            _ => Self::Unavailable(error),
        }
    }
}

impl StoreError {
    /// Whether the database refused because another row has the same unique value.
    pub(crate) fn is_unique_violation(&self) -> bool {
        match self {
            Self::Unavailable(sqlx::Error::Database(error)) => error.is_unique_violation(),
            _ => false,
        }
    }

    /// Turns a unique violation into [`StoreError::AlreadyExists`].
    pub(crate) fn or_already_exists(self, what: &'static str) -> Self {
        if self.is_unique_violation() { Self::AlreadyExists { what } } else { self }
    }
}
