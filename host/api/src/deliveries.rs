//! Messages to people and how their delivery goes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::templates::NoticeKind;

/// One message to one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// Its id, also the id of the webhook or the mail.
    pub id: String,
    /// The channel.
    pub channel_id: String,
    /// What it is about.
    pub kind: NoticeKind,
    /// A mail address; missing where the channel itself is the receiver.
    pub recipient: Option<String>,
    /// The headline.
    pub title: String,
    /// The text.
    pub text: String,
    /// The values that it was made of.
    pub fields: BTreeMap<String, String>,
    /// How it goes.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub due_ms: i64,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// When it was written.
    pub created_ms: i64,
    /// When it was delivered or given up.
    pub finished_ms: Option<i64>,
}

/// How a delivery goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// For its next try.
    Waiting,
    /// The receiver has it.
    Delivered,
    /// Given up.
    Failed,
}

/// Which deliveries, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    /// Only in this state.
    #[param(inline)]
    pub state: Option<DeliveryState>,
    /// Only through this channel.
    pub channel: Option<String>,
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}
