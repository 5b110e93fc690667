//! The command line of `grantry sync`.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use super::ServerOptions;

/// What a script can tell apart.
const EXIT_CODES: &str = "\
Exit codes: 0 succeeded, 1 failed or refused, 2 wrong usage, 3 blocked (it would remove too much: a \
person has to look), 4 cancelled.";

#[derive(Debug, Subcommand)]
pub(crate) enum SyncCommand {
    /// Start an aggregation: read an integration's target, or a part of it.
    #[command(after_help = EXIT_CODES)]
    Run {
        /// The integration's id, or its name.
        integration: String,
        #[command(flatten)]
        reads: SelectionOptions,
        /// Stay until it ends; without this, 0 means that it was ordered.
        #[arg(long)]
        watch: bool,
        #[command(flatten)]
        server: ServerOptions,
    },
    /// Watch an aggregation until it ends.
    #[command(after_help = EXIT_CODES)]
    Watch {
        /// The aggregation's id.
        aggregation: String,
        #[command(flatten)]
        server: ServerOptions,
    },
    /// List an integration's aggregations, newest first, and what each changed.
    History {
        /// The integration's id, or its name.
        integration: String,
        /// How many.
        #[arg(long, default_value_t = 20, value_name = "N",
            value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
        #[command(flatten)]
        server: ServerOptions,
    },
    /// Show and set when an integration is aggregated by itself.
    #[command(subcommand)]
    Schedule(ScheduleCommand),
}

/// What is read.
#[derive(Debug, Args)]
pub(crate) struct SelectionOptions {
    /// Which part of the target: everything, the accounts and what they hold, or the entitlements.
    #[arg(long, value_enum, default_value_t)]
    pub kind: KindOption,
    /// Only these entitlement types, such as `Group,Role`; all of them unless told.
    #[arg(long, value_delimiter = ',', value_name = "TYPES")]
    pub types: Vec<String>,
    /// By change feeds where that is possible and a full run is not due, in full, or by change feeds
    /// whenever that is possible.
    #[arg(long, value_enum, default_value_t)]
    pub mode: ModeOption,
}

/// How a target is read.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum ModeOption {
    /// As it fits.
    #[default]
    Auto,
    /// In full.
    Full,
    /// By its change feeds.
    Changes,
}

/// Which part of a target.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum KindOption {
    /// Everything.
    #[default]
    All,
    /// Accounts, and what they hold.
    Accounts,
    /// Resources with their entitlements.
    Entitlements,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// List an integration's schedules with their next runs.
    List {
        /// The integration's id, or its name.
        integration: String,
        #[command(flatten)]
        server: ServerOptions,
    },
    /// Create a schedule.
    Create {
        /// The integration's id, or its name.
        integration: String,
        #[command(flatten)]
        plan: PlanOptions,
        #[command(flatten)]
        server: ServerOptions,
    },
    /// Follow a schedule that was disabled again, from now on.
    Enable(OneSchedule),
    /// Follow a schedule no more, and keep it.
    Disable(OneSchedule),
    /// Remove a schedule.
    Delete(OneSchedule),
}

#[derive(Debug, Args)]
pub(crate) struct OneSchedule {
    /// The integration's id, or its name.
    pub integration: String,
    /// The schedule's id.
    pub schedule: String,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("recurrence").required(true))]
pub(crate) struct PlanOptions {
    /// What people call it.
    #[arg(long)]
    pub name: String,
    /// Every day.
    #[arg(long, group = "recurrence")]
    pub daily: bool,
    /// On these days of the week, such as `monday,friday`.
    #[arg(long, group = "recurrence", value_delimiter = ',', value_name = "DAYS")]
    pub weekly: Vec<String>,
    /// On this day of the month; a month without it has its last day.
    #[arg(long, group = "recurrence", value_name = "DAY")]
    pub monthly: Option<u8>,
    /// Every day, at the time and then every so many hours until the day ends.
    #[arg(long, group = "recurrence", value_name = "N")]
    pub every_hours: Option<u8>,
    /// The time of the (first) run of a day, such as `17:00`.
    #[arg(long, value_name = "HH:MM")]
    pub at: String,
    /// Whose clocks: an IANA name, such as `Europe/Berlin`.
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    pub time_zone: String,
    /// Do not make up for runs that were due while nothing ran.
    #[arg(long)]
    pub skip_missed: bool,
    /// Spread schedules of the same time over so many minutes.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub jitter_minutes: u32,
    #[command(flatten)]
    pub reads: SelectionOptions,
    /// A time of the day in which no run begins, such as `08:00-18:00`. Can be given more than once.
    #[arg(long, value_name = "FROM-TO")]
    pub blackout: Vec<String>,
}
