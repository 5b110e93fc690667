//! A courier that remembers what it brought, and fails on request.

use std::sync::Mutex;

use async_trait::async_trait;
use grantry_model::delivery::{
    AuditBatch, ChannelSettings, Courier, Destination, NoticeMessage, SinkSettings, Undelivered,
};

/// What was sent where, and what becomes of the next tries.
#[derive(Default)]
pub struct RecordingCourier {
    pub told: Mutex<Vec<(NoticeMessage, usize)>>,
    pub streamed: Mutex<Vec<AuditBatch>>,
    /// Taken one a try; none means success.
    pub failures: Mutex<Vec<Undelivered>>,
    /// What the check of addresses answers.
    pub refusal: Mutex<Option<Undelivered>>,
}

impl RecordingCourier {
    fn outcome(&self) -> Result<(), Undelivered> {
        self.failures.lock().unwrap().pop().map_or(Ok(()), Err)
    }

    fn checked(&self) -> Result<(), Undelivered> {
        self.refusal.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Courier for RecordingCourier {
    async fn check_channel(&self, _: &Destination<ChannelSettings>) -> Result<(), Undelivered> {
        self.checked()
    }

    async fn check_sink(&self, _: &Destination<SinkSettings>) -> Result<(), Undelivered> {
        self.checked()
    }

    async fn tell(
        &self,
        to: &Destination<ChannelSettings>,
        message: &NoticeMessage,
    ) -> Result<(), Undelivered> {
        self.told.lock().unwrap().push((message.clone(), to.signing.len()));
        self.outcome()
    }

    async fn stream(
        &self,
        _: &Destination<SinkSettings>,
        batch: &AuditBatch,
    ) -> Result<(), Undelivered> {
        self.streamed.lock().unwrap().push(batch.clone());
        self.outcome()
    }
}
