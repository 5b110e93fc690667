//! A courier that remembers what it brought, and fails on request.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Mutex;

use async_trait::async_trait;
use grantry_model::delivery::{
    AppAnswer, AppMessage, AppWebhook, AuditBatch, ChannelSettings, Courier, Destination,
    NoticeMessage, SinkSettings, Undelivered,
};
use grantry_model::gate::Licence;

/// Something that goes by a request's body.
pub type Meanwhile =
    Box<dyn FnOnce(serde_json::Value) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// What was sent where, and what becomes of the next tries.
#[derive(Default)]
pub struct RecordingCourier {
    pub told: Mutex<Vec<(NoticeMessage, usize)>>,
    pub streamed: Mutex<Vec<AuditBatch>>,
    /// Taken one a try; none means success.
    pub failures: Mutex<Vec<Undelivered>>,
    /// Changes of access that were sent to an app: id, body, and how many keys signed.
    pub asked: Mutex<Vec<(String, serde_json::Value, usize)>>,
    /// What happens while the app works on a request, once.
    pub meanwhile: Mutex<Option<Meanwhile>>,
    /// What the app answers; none means that it is done.
    pub answers: Mutex<VecDeque<Result<AppAnswer, Undelivered>>>,
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

    async fn carry_out(
        &self,
        to: &Destination<AppWebhook>,
        _: Licence,
        message: &AppMessage,
    ) -> Result<AppAnswer, Undelivered> {
        let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
        self.asked.lock().unwrap().push((message.id.clone(), body.clone(), to.signing.len()));
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile(body).await;
        }
        self.answers.lock().unwrap().pop_front().unwrap_or(Ok(AppAnswer::Done))
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
