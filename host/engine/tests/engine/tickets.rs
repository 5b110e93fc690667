//! Changes of access by tickets in a service desk: opened once, followed, closed (PRV-4, INT-4).

use grantry_engine::{EngineError, IntegrationChange, PageQuery, StoredTicket, TaskQuery};
use grantry_model::fault::{Fault, PluginError};
use grantry_model::gate::Closed;
use grantry_model::ids::{IntegrationId, MembershipId};
use grantry_model::membership::Status;
use grantry_model::method::{Fallback, Method};
use grantry_model::settings::SettingsChange;
use grantry_model::ticket::TicketState;
use grantry_model::ticket::follow::{LOOK_MS_MAX, MISSES_MAX, Stage};
use grantry_model::ticket::template::{BODY, TITLE, TicketTemplate};

use crate::desk::Creation;
use crate::host::{Host, hosts};
use crate::scripted::{unavailable, unknown};

const DAY_MS: i64 = 24 * 3_600_000;

fn template() -> TicketTemplate {
    TicketTemplate {
        schema: "task".into(),
        kind: None,
        title: TITLE.into(),
        body: BODY.into(),
        labels: Vec::new(),
        fields: serde_json::Map::new(),
        requested_for: None,
    }
}

impl Host {
    /// From now on access is given by tickets in that desk.
    async fn by_ticket_in(&self, desk: &IntegrationId) {
        let version = self.desk_version().await;
        let chosen = (desk, &template());
        self.ctx.set_ticket_desk(&self.integration, version, chosen).await.unwrap();
        let method = Some(Method::Ticket);
        self.set(SettingsChange { method, ..SettingsChange::default() }).await;
    }

    /// The same in a fresh desk; the desk's word is all there is.
    async fn by_ticket_alone(&self, fallback: Fallback) -> IntegrationId {
        self.aggregate().await;
        let desk = self.desk("Desk").await;
        self.by_ticket_in(&desk).await;
        self.set(SettingsChange { fallback: Some(fallback), ..SettingsChange::default() }).await;
        self.make_blind().await;
        desk
    }

    async fn desk_version(&self) -> i64 {
        let stored = self.ctx.ticket_desk(&self.integration).await.unwrap();
        stored.map_or(1, |stored| stored.version)
    }

    /// Lets everything that is waited for come due, so often.
    async fn look(&self, times: usize) {
        for _ in 0..times {
            self.advance(LOOK_MS_MAX);
            self.work().await;
        }
    }

    fn closes(&self, ticket: &str, state: TicketState, words: &str) {
        self.directory.lock().unwrap().desk.close(ticket, state, words);
    }

    /// Headline, text and key of the tickets that were opened.
    fn opened(&self) -> Vec<(String, String, String)> {
        let directory = self.directory.lock().unwrap();
        let told = directory.desk.opened.iter().map(|(asked, _)| asked.clone());
        told.map(|asked| (asked.title, asked.body, asked.idempotency_key)).collect()
    }

    async fn tickets(&self, id: &MembershipId) -> Vec<StoredTicket> {
        self.ctx.list_tickets(&self.app, id).await.unwrap()
    }

    async fn status_of(&self, id: &MembershipId) -> Status {
        self.membership(id).await.status
    }

    async fn open_tasks(&self) -> usize {
        let all = TaskQuery { all: true, ..TaskQuery::default() };
        let query = PageQuery { limit: 10, ..PageQuery::default() };
        self.ctx.list_tasks(&all, &query).await.unwrap().items.len()
    }
}

#[tokio::test]
async fn a_ticket_is_opened_followed_and_its_end_is_the_memberships() {
    for host in hosts(10, 2).await {
        host.by_ticket_alone(Fallback::None).await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        assert_eq!(host.status_of(&id).await, Status::Provisioning);
        let opened = host.opened();
        assert_eq!(opened[0].0, "Grant Group 0 member: User 1 in Scripted");
        assert_eq!(opened[0].2, format!("{id}-1"));
        let ticket = host.tickets(&id).await.remove(0);
        assert_eq!((ticket.id.as_deref(), &*ticket.native_status), (Some("T-1"), "To Do"));
        assert_eq!(ticket.url.as_deref(), Some("https://desk.example/T-1"));
        assert!(ticket.look > ticket.looked);

        host.closes("T-1", TicketState::InProgress, "");
        host.look(3).await;
        assert_eq!(
            host.tickets(&id).await[0].followed.stage,
            Stage::Known(TicketState::InProgress)
        );
        assert_eq!(host.audited("ticket.changed").await, 1, "what is as it was is not told again");
        assert_eq!(host.audited("operation.deferred").await, 0);
        host.closes("T-1", TicketState::Done, "given");
        host.look(1).await;
        assert_eq!(host.status_of(&id).await, Status::Active);

        host.delete(&id).await;
        host.work().await;
        assert_eq!(host.status_of(&id).await, Status::Deprovisioning);
        host.closes("T-2", TicketState::Done, "taken away");
        host.look(1).await;
        assert_eq!(host.status_of(&id).await, Status::Deleted);
        let opened = host.opened();
        assert_eq!((opened.len(), &*opened[1].0), (2, "Revoke Group 0 member: User 1 in Scripted"));
        assert!(host.directory.lock().unwrap().writes.is_empty(), "the connector is not asked");
    }
}

#[tokio::test]
async fn a_lost_answer_opens_no_second_ticket_and_the_target_has_the_last_word() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        let desk = host.desk("Desk").await;
        host.by_ticket_in(&desk).await;
        let lost = [unknown(), Fault::Timeout(1), unavailable(1)].map(Creation::AnswerLost);
        host.directory.lock().unwrap().desk.creations.extend(lost);
        let id = host.grant("g00", "u001").await;
        host.work().await;
        // A worker that died, and one that comes at once: the desk has time to show what it opened.
        host.advance(5_000);
        host.work().await;
        assert_eq!(host.directory.lock().unwrap().desk.asked, 1);
        for _ in 0..3 {
            host.advance(DAY_MS / 2);
            host.work().await;
        }
        let asked = host.directory.lock().unwrap().desk.asked;
        assert_eq!((host.opened().len(), asked), (1, 4));

        // Done in the desk, and not in the target: it is looked at again.
        host.closes("T-1", TicketState::Done, "given");
        host.look(2).await;
        assert_eq!(host.status_of(&id).await, Status::Provisioning);
        let pair = ("g00".to_owned(), "u001".to_owned());
        host.directory.lock().unwrap().members.insert(pair);
        host.look(1).await;
        assert_eq!(host.status_of(&id).await, Status::Active);
        assert_eq!(host.opened().len(), 1);
    }
}

#[tokio::test]
async fn a_refusal_in_the_desk_is_final_and_what_the_desk_loses_goes_to_a_person() {
    for host in hosts(10, 4).await {
        host.by_ticket_alone(Fallback::Manual).await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        host.closes("T-1", TicketState::Rejected, "no licence is left");
        host.look(1).await;
        let failed = host.membership(&id).await;
        assert_eq!(failed.status, Status::Failed);
        assert_eq!(
            failed.failure.unwrap(),
            "ticket T-1 is rejected (Rejected): no licence is left"
        );
        assert_eq!(host.open_tasks().await, 0, "a person has decided it");

        // Deleted in the desk.
        let id = host.grant("g01", "u001").await;
        host.work().await;
        host.directory.lock().unwrap().desk.opened.remove(1);
        host.look(MISSES_MAX as usize - 1).await;
        assert_eq!(host.tickets(&id).await[0].followed.misses, MISSES_MAX - 1);
        assert_eq!(host.open_tasks().await, 0);
        host.look(24).await;
        assert_eq!(host.tickets(&id).await[0].followed.stage, Stage::Lost);
        assert_eq!(host.membership(&id).await.waiting, Some(Closed::Fallback));
        assert_eq!(host.open_tasks().await, 1);

        // The desk's plugin will not open it; another time the desk is away, and comes back.
        let fault = Fault::Plugin(PluginError::InvalidInput(Vec::new()));
        let creations = [Creation::Refused(fault)];
        host.directory.lock().unwrap().desk.creations.extend(creations);
        let id = host.grant("g02", "u001").await;
        host.work().await;
        assert_eq!(host.membership(&id).await.waiting, Some(Closed::Fallback));
        assert_eq!(host.tickets(&id).await, []);
        let away = (0..5).map(|_| Creation::Refused(unavailable(1_000)));
        host.directory.lock().unwrap().desk.creations.extend(away);
        let id = host.grant("g03", "u001").await;
        host.look(6).await;
        assert_eq!(host.membership(&id).await.waiting, None);
        assert_eq!(host.tickets(&id).await[0].followed.stage, Stage::Known(TicketState::Open));
    }
}

#[tokio::test]
async fn a_silent_desk_is_waited_for_a_week_before_a_person_is_asked() {
    for host in hosts(10, 2).await {
        host.by_ticket_alone(Fallback::Manual).await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        let away = || unavailable(1_000);
        host.directory.lock().unwrap().desk.look_faults.extend((0..8).map(|_| away()));
        host.look(5).await;
        let ticket = host.tickets(&id).await.remove(0);
        assert_eq!(
            (ticket.followed.stage, ticket.followed.misses),
            (Stage::Known(TicketState::Open), 5)
        );
        let operations = host.ctx.list_operations(&host.app, &id).await.unwrap();
        let said = operations[0].outcome.clone().unwrap();
        assert!(said.starts_with("ticket T-1 is open (To Do): the desk: "), "{said}");
        assert_eq!(host.open_tasks().await, 0);
        host.advance(8 * DAY_MS);
        host.work().await;
        assert_eq!(host.tickets(&id).await[0].followed.stage, Stage::Lost);
        assert_eq!(host.open_tasks().await, 1);
    }
}

#[tokio::test]
async fn access_is_gone_only_when_nobody_can_give_it_by_an_earlier_ticket_any_more() {
    for host in hosts(10, 2).await {
        host.by_ticket_alone(Fallback::None).await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        host.delete(&id).await;
        host.work().await;
        let opened = host.opened();
        assert_eq!(opened.len(), 2);
        assert!(opened[1].1.starts_with("This takes back what T-1 asked for"), "{}", opened[1].1);
        // The revocation is done first; then somebody gives the access.
        host.closes("T-2", TicketState::Done, "there was nothing");
        host.look(2).await;
        assert_eq!(host.status_of(&id).await, Status::Deprovisioning, "T-1 is open");
        host.closes("T-1", TicketState::Done, "given");
        host.look(1).await;
        let opened = host.opened();
        assert_eq!((opened.len(), &*opened[2].2), (3, &*format!("{id}-2.1")));
        assert_eq!(host.status_of(&id).await, Status::Deprovisioning);
        host.closes("T-3", TicketState::Done, "taken away");
        host.look(1).await;
        assert_eq!(host.status_of(&id).await, Status::Deleted);

        // Where the grant's ticket is withdrawn, one ticket is enough.
        let id = host.grant("g01", "u001").await;
        host.work().await;
        host.delete(&id).await;
        host.work().await;
        host.closes("T-5", TicketState::Done, "there was nothing");
        host.closes("T-4", TicketState::Cancelled, "not needed");
        host.look(1).await;
        assert_eq!(host.status_of(&id).await, Status::Deleted);
        assert_eq!(host.opened().len(), 5);
    }
}

#[tokio::test]
async fn a_revocation_that_the_desk_refuses_is_asked_of_a_person() {
    for host in hosts(10, 2).await {
        host.by_ticket_alone(Fallback::Manual).await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        host.closes("T-1", TicketState::Done, "given");
        host.look(1).await;
        host.delete(&id).await;
        host.work().await;
        host.closes("T-2", TicketState::Rejected, "not our system");
        host.look(2).await;
        let waits = host.membership(&id).await;
        assert_eq!((waits.status, waits.waiting), (Status::Deprovisioning, Some(Closed::Fallback)));
        assert_eq!((host.opened().len(), host.open_tasks().await), (2, 1));
        // It is opened again, and done.
        host.closes("T-2", TicketState::Done, "done after all");
        host.look(1).await;
        assert_eq!(host.status_of(&id).await, Status::Deleted);

        // One that the desk loses is opened anew.
        let id = host.grant("g01", "u001").await;
        host.work().await;
        host.closes("T-3", TicketState::Done, "given");
        host.look(1).await;
        host.delete(&id).await;
        host.work().await;
        host.directory.lock().unwrap().desk.opened.remove(3);
        host.look(26).await;
        let keys: Vec<String> = host.opened().into_iter().map(|(_, _, key)| key).collect();
        assert_eq!(keys.last(), Some(&format!("{id}-2.1")), "{keys:?}");
    }
}

#[tokio::test]
async fn a_read_only_integration_with_a_desk_opens_a_ticket_and_without_one_a_task() {
    for host in hosts(10, 3).await {
        host.by_ticket_alone(Fallback::None).await;
        let is_read_only = Some(true);
        host.set(SettingsChange { is_read_only, ..SettingsChange::default() }).await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        assert_eq!((host.opened().len(), host.membership(&id).await.waiting), (1, None));

        host.ctx.delete_ticket_desk(&host.integration).await.unwrap();
        let other = host.grant("g01", "u001").await;
        host.look(1).await;
        assert_eq!(host.membership(&other).await.waiting, Some(Closed::ReadOnly));
        assert_eq!((host.opened().len(), host.open_tasks().await), (1, 1));
        // What was opened is followed on.
        host.closes("T-1", TicketState::Done, "given");
        host.look(1).await;
        assert_eq!(host.status_of(&id).await, Status::Active);
        // A person is asked whatever the plugin does.
        host.quarantine().await;
        let last = host.grant("g02", "u001").await;
        host.look(1).await;
        assert_eq!(host.membership(&last).await.waiting, Some(Closed::ReadOnly));
        assert_eq!((host.opened().len(), host.open_tasks().await), (1, 2));
    }
}

#[tokio::test]
async fn the_method_needs_a_desk_that_takes_what_the_template_says() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        let desk = host.desk("Desk").await;
        let faults = |result: Result<(), EngineError>| match result {
            Err(EngineError::Invalid(issues)) => {
                issues.into_iter().map(|issue| (issue.path, issue.code)).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        let one = |path: &str, code: &str| vec![(path.to_owned(), code.to_owned())];
        let ticket = Some(Method::Ticket);
        let settings = SettingsChange { method: ticket, ..SettingsChange::default() };
        let change = IntegrationChange { settings, ..IntegrationChange::default() };
        let refused = host.try_update(&change).await.map(drop);
        assert_eq!(faults(refused), one("/settings/method", "desk_missing"));
        let (ctx, id) = (&host.ctx, &host.integration);
        let refused = ctx.set_entitlement_method(id, &host.role("g00"), 1, ticket).await;
        assert_eq!(faults(refused.map(drop)), one("/method", "desk_missing"));

        let set = async |desk: &IntegrationId, template: &TicketTemplate| {
            ctx.set_ticket_desk(id, host.desk_version().await, (desk, template)).await.map(drop)
        };
        assert_eq!(faults(set(id, &template()).await), one("/desk_id", "not_a_desk"));
        let wrong = TicketTemplate { title: "{{pasword}}".into(), ..template() };
        let at = one("/template/title", "unknown_placeholder");
        assert_eq!(faults(set(&desk, &wrong).await), at);
        let wrong = TicketTemplate { schema: "story".into(), ..template() };
        assert_eq!(faults(set(&desk, &wrong).await), one("/template/schema", "unknown_schema"));
        set(&desk, &template()).await.unwrap();
        ctx.set_entitlement_method(id, &host.role("g00"), 1, ticket).await.unwrap();
        let version = ctx.integration(&desk).await.unwrap().integration.version;
        let refused = ctx.delete_integration(&desk, version, true).await;
        assert!(matches!(refused, Err(EngineError::DeskInUse(1))), "{refused:?}");
    }
}

#[tokio::test]
async fn tickets_of_one_desk_do_not_keep_all_workers() {
    for host in hosts(20, 8).await {
        let desk = host.by_ticket_alone(Fallback::None).await;
        let twin = host.twin().await;
        twin.aggregate().await;
        twin.by_ticket_in(&desk).await;
        for (of, group, user) in [
            (&host, "g00", "u001"),
            (&host, "g01", "u003"),
            (&twin, "g02", "u005"),
            (&twin, "g03", "u007"),
        ] {
            of.grant(group, user).await;
        }
        host.work().await;
        assert_eq!(host.opened().len(), 4);
        let (role, own) = (twin.role("g04"), Some(Method::Connector));
        twin.ctx.set_entitlement_method(&twin.integration, &role, 1, own).await.unwrap();
        let by_connector = twin.grant("g04", "u006").await;
        host.advance(DAY_MS);
        let mut leased = Vec::new();
        while let Some(job) = host.db().lease_job("provision/", 60_000).await.unwrap() {
            leased.push(job.queue);
        }
        assert_eq!(leased.len(), 3, "two that follow tickets, and the connector's: {leased:?}");
        assert!(leased.contains(&format!("provision/{by_connector}")));
    }
}
