//! A service desk in memory, whose answers get lost on request.

use std::collections::VecDeque;

use grantry_model::fault::{Fault, PluginError};
use grantry_model::ticket::{Ticket, TicketRequest, TicketSchema, TicketSchemas, TicketState};

/// What the desk holds, and how it behaves.
#[derive(Default)]
pub struct TicketDesk {
    /// The tickets that were opened, with what was asked for.
    pub opened: Vec<(TicketRequest, Ticket)>,
    /// What becomes of the next requests to open one.
    pub creations: VecDeque<Creation>,
    /// Requests to open one that reached the desk.
    pub asked: usize,
    /// How often a ticket was read.
    pub looks: usize,
    /// Faults of the next reads.
    pub look_faults: VecDeque<Fault>,
}

/// What becomes of a request to open a ticket.
pub enum Creation {
    /// It is not opened.
    Refused(Fault),
    /// It is opened, and the answer is lost.
    AnswerLost(Fault),
}

impl TicketDesk {
    pub fn create(&mut self, request: &TicketRequest) -> Result<Ticket, Fault> {
        self.asked += 1;
        let creation = self.creations.pop_front();
        if let Some(Creation::Refused(fault)) = creation {
            return Err(fault);
        }
        let key = &request.idempotency_key;
        let there = self.opened.iter().find(|(asked, _)| asked.idempotency_key == *key);
        let ticket = match there {
            Some((_, ticket)) => ticket.clone(),
            None => {
                let id = format!("T-{}", self.opened.len() + 1);
                let ticket = Ticket {
                    url: Some(format!("https://desk.example/{id}")),
                    id,
                    state: TicketState::Open,
                    native_status: "To Do".into(),
                    updated_ms: None,
                    resolution: None,
                };
                self.opened.push((request.clone(), ticket.clone()));
                ticket
            }
        };
        match creation {
            Some(Creation::AnswerLost(fault)) => Err(fault),
            _ => Ok(ticket),
        }
    }

    pub fn get(&mut self, id: &str) -> Result<Ticket, Fault> {
        self.looks += 1;
        if let Some(fault) = self.look_faults.pop_front() {
            return Err(fault);
        }
        let found = self.opened.iter().find(|(_, ticket)| ticket.id == id);
        found.map(|(_, ticket)| ticket.clone()).ok_or(Fault::Plugin(PluginError::NotFound(None)))
    }

    /// Somebody moves a ticket, and says why.
    pub fn close(&mut self, id: &str, state: TicketState, words: &str) {
        for (_, ticket) in self.opened.iter_mut().filter(|(_, ticket)| ticket.id == id) {
            ticket.state = state;
            ticket.native_status = format!("{state:?}");
            ticket.resolution = Some(words.to_owned());
        }
    }
}

/// The kinds of tickets that it takes.
pub fn schemas() -> TicketSchemas {
    let schema = TicketSchema {
        id: "task".into(),
        display: "Task".into(),
        fields_schema: r#"{"type": "object"}"#.into(),
        statuses: vec![("To Do".into(), TicketState::Open)],
        types: Vec::new(),
    };
    TicketSchemas { items: vec![schema], next: None }
}
